stage       = "silent"
bucket_name = "silent-photos"
