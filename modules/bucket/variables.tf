variable "name" {
  description = "The bucket's name, unique in all of AWS"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The bucket's name must be 3 to 63 lower-case letters, digits and hyphens, without a hyphen at either end."
  }

  validation {
    condition     = !can(regex("^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$", var.name))
    error_message = "The bucket's name begins or ends with something that S3 keeps for itself."
  }
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with everything in it"
  type        = bool
  default     = false
}

variable "old_version_days" {
  description = "Days that an overwritten or deleted object can still be brought back"
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 1 && floor(var.old_version_days) == var.old_version_days
    error_message = "Old versions must be kept for a whole number of days, at least 1."
  }
}

variable "tls_only" {
  description = "Whether requests without TLS are refused; off only for a local cloud that has none"
  type        = bool
  default     = true
}

variable "cors_origins" {
  description = "The web origins whose pages may read presigned URLs; none by default"
  type        = list(string)
  default     = []
}

variable "notify" {
  description = "The queue that is told of objects made and removed under a prefix; its policy must let S3 send. Null for none"
  type = object({
    queue_arn = string
    prefix    = string
  })
  default = null
}
