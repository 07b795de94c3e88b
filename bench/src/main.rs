//! Measures functions as Lambda runs them: each is a real program, started with Lambda's environment, that speaks to a
//! stand-in for Lambda ([`lambda`]) on the one side and to one for the cloud ([`cloud`]) on the other.
//!
//! `scripts/bench` runs it, and says what is measured: a [`plan`] in a file, the samples as JSON on standard output. No
//! statistics in here.

mod cloud;
mod experiment;
mod failure;
mod lambda;
mod plan;
mod process;
mod server;

use std::{env, io, path::PathBuf};

use layer_jwt::testing::SigningKey;

use failure::Failure;
use plan::Plan;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let path = env::args_os().nth(1).map(PathBuf::from).ok_or(Failure::NoPlan)?;
    let plan = Plan::read(&path)?;
    let key = SigningKey::rs256("bench");
    let token = plan.token(&key);
    let cloud = cloud::Cloud::start(plan.port, plan.latency(), &key, token.clone()).await?;
    let bench = experiment::Bench::new(&plan, &cloud, token)?;
    let mut results = Vec::new();
    for experiment in &plan.experiments {
        results.push(bench.run(experiment).await?);
    }
    serde_json::to_writer(io::stdout(), &results)?;
    Ok(())
}
