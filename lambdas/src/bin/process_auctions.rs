//! Every minute

use yourplace::{
    auctions::{AuctionStore, Closing},
    aws,
    config::required,
    handlers::{schedule::process_auctions::ProcessAuctions, worker},
    mail::MailQueue,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| {
        let aws = aws::sdk_config()?;
        let auctions = AuctionStore::from_env(&aws)?;
        let mails = MailQueue::new(aws::sqs(&aws), required("MAIL_QUEUE_URL")?);
        Ok(ProcessAuctions { closing: Closing { auctions, mails } })
    })
    .await
}
