//! Every minute: closes the auctions that have ended.

use yourplace::{
    auctions::{AuctionStore, Closing},
    aws,
    config::required,
    events,
    mail::MailQueue,
    routes::process_auctions::ProcessAuctions,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    events::serve(|| {
        let aws = aws::sdk_config()?;
        let auctions = AuctionStore::new(aws::dynamodb(&aws), required("AUCTIONS_TABLE")?);
        let mails = MailQueue::new(aws::sqs(&aws), required("MAIL_QUEUE_URL")?);
        Ok(ProcessAuctions { closing: Closing { auctions, mails } })
    })
    .await
}
