//! Measures functions as Lambda runs them.
//!
//! Each function is a real program, started with Lambda's environment variables. It talks to a stand-in for Lambda
//! ([`lambda`]) and to a stand-in for the AWS services it calls ([`cloud`]).
//!
//! `scripts/bench` runs this program with a [`plan`] file and reads the samples as JSON from standard output. It also
//! computes the statistics.

mod cloud;
mod experiment;
mod failure;
mod lambda;
mod plan;
mod process;
mod server;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
};

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
    for (number, experiment) in (1..).zip(&plan.experiments) {
        writeln!(io::stderr(), "{number}/{}: {}", plan.experiments.len(), experiment.name)?;
        results.push(bench.run(experiment).await?);
    }
    serde_json::to_writer(io::stdout(), &results)?;
    Ok(())
}
