variable "name" {
  description = "The table's name: yourplace-<stage>-<table>"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "The table's name must be 3 to 255 letters, digits, dots, hyphens and underscores."
  }
}

variable "attributes" {
  description = "The types (S, N or B) of all key attributes, of the table and of its indexes"
  type        = map(string)
}

variable "hash_key" {
  description = "The attribute that is the table's partition key"
  type        = string
}

variable "range_key" {
  description = "The attribute that is the table's sort key; null for none"
  type        = string
  default     = null
}

variable "indexes" {
  description = "Global secondary indexes by name. The projection is ALL or KEYS_ONLY"
  type = map(object({
    hash_key   = string
    range_key  = optional(string)
    projection = string
  }))
  default = {}
}

variable "ttl" {
  description = "The attribute with the Unix time, in seconds, after which DynamoDB deletes an item; null for none"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the table"
  type        = bool
}
