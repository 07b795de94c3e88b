stage       = "prod"
bucket_name = "photos-prod"
mail_sender = "mail@example.net"

firewall = {}
