variable "name" {
  description = "The prefix of the names of what is made here"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,40}$", var.name))
    error_message = "The name must be at most 41 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket_name" {
  description = "The name of the bucket for the app's files, unique in all of AWS"
  type        = string
}

variable "files" {
  description = "The folder of the built app (dist/web), without a slash at its end"
  type        = string

  validation {
    condition     = fileexists("${var.files}/index.html")
    error_message = "There is no built app in ${var.files}. Run scripts/local, or `npm run build` in web/."
  }
}

variable "api_url" {
  description = "The base URL of the API's stage, which the app has under /api"
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+/[^/]+$", var.api_url))
    error_message = "The API's URL must be https://<host>/<stage>."
  }
}

variable "photo_bucket_origin" {
  description = "The origin of presigned URLs, from which the app's pages may show and to which they may send photos"
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.photo_bucket_origin))
    error_message = "The origin must be https://<host>, without a slash at its end."
  }
}

variable "domain" {
  description = "A domain of one's own, and its certificate of ACM in us-east-1; the DNS record is made elsewhere. null is CloudFront's own domain"
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "CloudFront takes only a certificate of ACM in us-east-1."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy also deletes the old versions of the app's files"
  type        = bool
  default     = false
}
