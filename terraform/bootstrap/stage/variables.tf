variable "region" {
  description = "AWS region of the stage, which is the pipeline's."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "stage" {
  description = "Name of the stage. It has a file in terraform/envs."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists("${var.envs_dir}/${var.stage}.tfvars")
    error_message = "The stage needs a file {envs_dir}/{stage}.tfvars."
  }
}

variable "pipeline_account" {
  description = "Id of the AWS account with the pipeline, whose builds may assume this stage's roles."
  type        = string
  nullable    = false
}

variable "envs_dir" {
  description = "The folder with a file {stage}.tfvars for each stage, which the pipeline deploys the stage with."
  type        = string
  default     = "../../envs"
  nullable    = false
}

variable "local_endpoint" {
  description = "The endpoint of a local cloud used instead of AWS, as in http://localhost:4566; for tests only."
  type        = string
  default     = null
}
