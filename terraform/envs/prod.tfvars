stage       = "prod"
region      = "eu-central-1"
bucket_name = "yourplace-prod"

log_retention_days = 90

# An address of yours: SES sends a link to it, and no mail goes out before somebody has opened that.
mail_sender = "no-reply@yourplace.example"
