stage       = "test"
bucket_name = "photos"
mail_sender = "mail@test.example.org"

firewall = {}
