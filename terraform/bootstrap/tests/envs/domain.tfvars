stage       = "domain"
bucket_name = "domain-photos"
mail_sender = "example.org"
