//! HTTP/1.1 servers on localhost.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http_body_util::BodyExt as _;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::failure::Failure;

/// The most bytes that a response transmits at a time.
const CHUNK: usize = 64 * 1024;

pub(crate) type Answer = Response<Content>;

/// The body of a response. It counts what it transmits, because a client need not read all of it.
pub(crate) struct Content {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    /// The bytes that `chunks` still returns.
    rest: usize,
    transmitted: Arc<AtomicUsize>,
}

impl Content {
    /// A body of `length` bytes, which are generated when they are needed.
    pub(crate) fn generated(length: usize, chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self { chunks: Box::new(chunks), rest: length, transmitted: Arc::default() }
    }

    /// The number of bytes transmitted so far.
    pub(crate) fn transmitted(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.transmitted)
    }
}

impl From<Bytes> for Content {
    fn from(mut bytes: Bytes) -> Self {
        let length = bytes.len();
        let chunks = std::iter::from_fn(move || Some(bytes.split_to(bytes.len().min(CHUNK))));
        Self::generated(length, chunks.take_while(|chunk| !chunk.is_empty()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.next();
        let length = chunk.as_ref().map_or(0, Bytes::len);
        self.rest = self.rest.saturating_sub(length);
        self.transmitted.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest as u64)
    }
}

/// Handles the requests of a [`Server`].
pub(crate) trait Service: Clone + Send + 'static {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `port`; 0 picks a free one.
    pub(crate) async fn start(port: u16, service: impl Service) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A small response must not wait for the acknowledgement of the previous one.
                let _ = connection.set_nodelay(true);
                let service = service.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let service = service.clone();
                        async move { Ok::<_, Infallible>(service.answer(request).await) }
                    });
                    // An error here only means that the function's process has ended.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(connection), service)
                        .await;
                });
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The complete body, or an empty one if the connection broke.
pub(crate) async fn body(request: Request<Incoming>) -> Bytes {
    request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
}

/// Reads the body without keeping it and returns its length.
pub(crate) async fn discard(request: Request<Incoming>) -> usize {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    length
}

pub(crate) fn answer(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Content::from(body.into()));
    *answer.status_mut() = status;
    answer
}
