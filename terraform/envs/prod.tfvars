stage       = "prod"
region      = "eu-central-1"
bucket_name = "yourplace-prod"

log_retention_days = 90
