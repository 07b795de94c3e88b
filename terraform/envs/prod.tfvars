stage       = "prod"
region      = "eu-central-1"
bucket_name = "yourplace-prod"

log_retention_days = 90

# Alarms go to this address. AWS sends it a link first. The placeholder is refused.
alarm_email = "on-call@yourplace.example"

# The account's Lambda quota, once AWS has raised it. With this line, a deployment fails in a new account, whose quota is
# lower. See "Concurrency" in docs/operations.md.
# account_concurrency = 1000

# An address of yours, different for each stage: a stage creates its SES identity. SES sends a link to the address, and
# no email goes out before somebody has opened it. The placeholder is refused.
mail_sender = "no-reply@yourplace.example"
