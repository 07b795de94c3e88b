stage       = "prod"
region      = "eu-central-1"
bucket_name = "yourplace-prod"

log_retention_days = 90

# Alarms go to this address. AWS sends it a link first. This one is refused.
alarm_email = "on-call@yourplace.example"

# The account's Lambda quota, once AWS has raised it: a new account allows less, and then a deployment with this line
# fails. See "Concurrency" in docs/operations.md.
# account_concurrency = 1000

# An address of yours, different for each stage: a stage creates its SES identity. SES sends a link to the address, and
# no email goes out before somebody has opened it. This one is refused.
mail_sender = "no-reply@yourplace.example"
