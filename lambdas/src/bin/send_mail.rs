//! The queue `mail`: sends its mails.

use yourplace::{
    aws,
    config::required,
    events,
    mail::{Claims, DeadLetters, Mailer},
    routes::send_mail::SendMail,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    events::serve(|| {
        let aws = aws::sdk_config()?;
        let claims = Claims::new(aws::dynamodb(&aws), required("MAILS_TABLE")?);
        let mailer = Mailer::new(claims, aws::ses(&aws), required("MAIL_SENDER")?);
        let dead = DeadLetters::new(aws::sqs(&aws), required("MAIL_DEAD_QUEUE_URL")?);
        Ok(SendMail { mailer, dead })
    })
    .await
}
