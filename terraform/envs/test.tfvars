stage       = "test"
region      = "eu-central-1"
bucket_name = "yourplace"

# An address of yours: SES sends a link to it, and no mail goes out before somebody has opened that.
mail_sender = "no-reply@yourplace.example"
