terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region            = var.region
  s3_use_path_style = var.local_endpoint != null

  default_tags {
    tags = {
      Project = "yourplace"
      Part    = "bootstrap"
    }
  }
}
