output "deployment" {
  description = "Value of `deployment` of this stage in `stages` of terraform/bootstrap."
  value       = module.stage.deployment
}
