stage       = "test"
region      = "eu-central-1"
bucket_name = "yourplace"
