variable "name" {
  description = "The bucket's name, unique in all of AWS"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The bucket's name must be 3 to 63 lower-case letters, digits and hyphens, without a hyphen at either end."
  }

  validation {
    condition     = !can(regex("^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$", var.name))
    error_message = "The bucket's name begins or ends with something that S3 reserves."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket also deletes everything in it"
  type        = bool
  default     = false
}

variable "old_version_days" {
  description = "Days that an overwritten or deleted object can be restored"
  type        = number
  default     = 30
  nullable    = false

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

variable "prefixes" {
  description = "The prefixes of the bucket's keys. With expires_days, S3 deletes objects under it after so many days, and aborts multipart uploads then; otherwise it aborts those after a day"
  type = map(object({
    expires_days = optional(number)
  }))
  default = {}
}

variable "distributions" {
  description = "The CloudFront distributions that may read all objects, as a pattern of ARNs; null for none"
  type        = string
  default     = null

  validation {
    condition     = var.distributions == null || can(regex("^arn:[a-z-]+:cloudfront::[0-9]{12}:distribution/", var.distributions))
    error_message = "The pattern must name distributions of one account, as in arn:aws:cloudfront::123456789012:distribution/*."
  }
}
