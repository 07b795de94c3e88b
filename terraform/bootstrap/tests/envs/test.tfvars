stage       = "test"
bucket_name = "photos"
mail_sender = "mail@test.example.org"

edge = {
  domain          = "api.example.org"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e"
}
