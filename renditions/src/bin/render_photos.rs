//! The queue `renditions`: events of the bucket, and photos that a repair found without current renditions

use yourplace::{
    aws,
    handlers::{queue::render_photos::RenderPhotos, worker},
    photos::Library,
    renditions::{Renderer, RenditionStore},
};

fn main() -> Result<(), lambda_runtime::Error> {
    renditions::child::serve();
    serve()
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| {
        let config = aws::sdk_config()?;
        let (library, objects) = (Library::from_env(&config)?, aws::objects(&config)?);
        let renditions = RenditionStore::new(objects.clone());
        Ok(RenderPhotos { library, objects, renditions, renderer: Renderer::new() })
    })
    .await
}
