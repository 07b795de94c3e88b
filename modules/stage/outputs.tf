output "deployment" {
  description = "What the pipeline needs to deploy this stage: the API to deploy to, the boundary of every role that it creates, and the roles that a plan and an apply assume."
  value = {
    api_id                   = aws_apigatewayv2_api.this.id
    permissions_boundary_arn = aws_iam_policy.functions_boundary.arn
    roles                    = { for action, role in aws_iam_role.deploy : action => role.arn }
  }
  # A role without its policies cannot deploy.
  depends_on = [aws_iam_role_policy.deploy]
}

output "mail_identity" {
  description = "SES identity that the stage sends from. null without email."
  value       = local.mail_identity
}
