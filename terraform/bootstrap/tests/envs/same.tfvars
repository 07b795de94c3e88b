stage       = "same"
bucket_name = "other-photos"
mail_sender = "mail@test.example.org"
