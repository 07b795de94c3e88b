//! The queue `mail`

use yourplace::{
    aws,
    config::required,
    handlers::{queue::send_mail::SendMail, worker},
    mail::{DeadLetters, Mailer, SendLedger},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| {
        let aws = aws::sdk_config()?;
        let ledger = SendLedger::new(aws::dynamodb(&aws), required("MAILS_TABLE")?);
        let mailer = Mailer::new(ledger, aws::ses(&aws), required("MAIL_SENDER")?);
        let dead = DeadLetters::new(aws::sqs(&aws), required("MAIL_DEAD_QUEUE_URL")?);
        Ok(SendMail { mailer, dead })
    })
    .await
}
