module "stage" {
  source = "../../../modules/stage"

  stage            = var.stage
  settings         = file("${var.envs_dir}/${var.stage}.tfvars")
  prefixes         = jsondecode(file("../../../lambdas/service.json")).prefixes
  pipeline_account = var.pipeline_account
  tls_only         = var.local_endpoint == null
}
