stage       = "prod"
bucket_name = "photos-prod"
mail_sender = "mail@example.net"

edge = {
  domain          = "api.example.org"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e"
}
