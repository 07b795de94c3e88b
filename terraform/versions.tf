terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }

  # The rest is the stage's: envs/<stage>.s3.tfbackend, and the bucket that terraform/bootstrap made.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region            = var.region
  profile           = var.aws_profile
  s3_use_path_style = var.local_endpoint != null

  default_tags {
    tags = {
      Project = "yourplace"
      Stage   = var.stage
    }
  }
}
