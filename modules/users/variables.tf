variable "name" {
  description = "The name of the pool and of its client: yourplace-<stage>"
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the pool, and every user with it"
  type        = bool
}
