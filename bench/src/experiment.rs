//! Runs the experiments of a plan and collects their samples.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    cloud::{Calls, Cloud},
    failure::Failure,
    lambda::{Function, Served},
    plan::{Experiment, Job, Kind, Plan, Work},
    process::Memory,
};

/// The results of one experiment.
#[derive(Serialize)]
pub(crate) struct Measured {
    name: String,
    kind: Kind,
    /// The samples of each unit of work, by its label.
    works: BTreeMap<String, Samples>,
}

/// The samples of one unit of work. Times are in milliseconds, with one value per repetition.
#[derive(Default, Serialize)]
struct Samples {
    /// From the start of the process until it asks for the first event.
    ready_ms: Vec<f64>,
    /// CPU time up to that point.
    ready_cpu_ms: Vec<f64>,
    ready_memory: Memory,
    /// For a start: from the start of the process to its last response. For a warm process: one unit of work.
    wall_ms: Vec<f64>,
    /// The part of `wall_ms` during which no cloud call was in flight.
    own_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
    /// Cloud calls during the last unit, by operation.
    calls: BTreeMap<String, usize>,
    /// Bytes of the bodies sent to the cloud during the last unit, and of those received from it.
    sent_bytes: usize,
    received_bytes: usize,
    /// Half of DynamoDB's read units in the last unit, and its write units.
    half_reads: usize,
    writes: usize,
    /// Bytes of the function's responses in the last unit.
    answered_bytes: usize,
    /// After the last repetition.
    memory: Memory,
    extension_memory: Option<Memory>,
}

/// Runs the experiments of a plan against one cloud.
pub(crate) struct Bench<'a> {
    plan: &'a Plan,
    cloud: &'a Cloud,
    token: String,
    events: BTreeMap<PathBuf, Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status_code: Option<u16>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(plan: &'a Plan, cloud: &'a Cloud, token: String) -> Result<Self, Failure> {
        let mut bench = Self { plan, cloud, token, events: BTreeMap::new() };
        for path in plan.experiments.iter().flat_map(|experiment| &experiment.works).flat_map(|work| &work.events) {
            if !bench.events.contains_key(path) {
                let event = bench.event(path)?;
                bench.events.insert(path.clone(), event);
            }
        }
        Ok(bench)
    }

    pub(crate) async fn run(&self, experiment: &Experiment) -> Result<Measured, Failure> {
        let works = match experiment.kind {
            Kind::Start => self.starts(experiment).await?,
            Kind::Warm => self.warm(experiment).await?,
            Kind::Job => self.jobs(experiment).await?,
        };
        Ok(Measured { name: experiment.name.clone(), kind: experiment.kind, works })
    }

    async fn starts(&self, experiment: &Experiment) -> Result<BTreeMap<String, Samples>, Failure> {
        let mut samples = BTreeMap::<String, Samples>::new();
        // The first repetition is not counted: it loads the program from disk into memory.
        for repetition in 0..=experiment.repetitions {
            for work in &experiment.works {
                let (mut function, start) = self.start(work).await?;
                let unit = self.unit(&mut function, work).await?;
                if repetition > 0 {
                    let samples = samples.entry(work.label.clone()).or_default();
                    samples.add_start(&start);
                    if let Some(Unit { last, calls, answered_bytes, .. }) = unit {
                        let wall = function.since_start(last);
                        samples.add_unit(wall, Duration::from_nanos(function.cpu_ns()), calls, answered_bytes);
                    }
                    samples.memory = function.memory();
                    samples.extension_memory = function.extension_memory();
                }
            }
        }
        Ok(samples)
    }

    async fn warm(&self, experiment: &Experiment) -> Result<BTreeMap<String, Samples>, Failure> {
        let mut running = Vec::new();
        for work in &experiment.works {
            let (mut function, start) = self.start(work).await?;
            let mut samples = Samples::default();
            samples.add_start(&start);
            self.unit(&mut function, work).await?;
            running.push((work, function, samples));
        }
        for _ in 0..experiment.repetitions {
            for (work, function, samples) in &mut running {
                let cpu = function.cpu_ns();
                if let Some(unit) = self.unit(function, work).await? {
                    let cpu = Duration::from_nanos(function.cpu_ns().saturating_sub(cpu));
                    samples.add_unit(unit.took, cpu, unit.calls, unit.answered_bytes);
                }
            }
        }
        let finish = |(work, function, mut samples): (&Work, Function, Samples)| {
            samples.memory = function.memory();
            samples.extension_memory = function.extension_memory();
            (work.label.clone(), samples)
        };
        Ok(running.into_iter().map(finish).collect())
    }

    async fn jobs(&self, experiment: &Experiment) -> Result<BTreeMap<String, Samples>, Failure> {
        let mut samples = BTreeMap::<String, Samples>::new();
        for _ in 0..experiment.repetitions {
            for work in &experiment.works {
                if let Some(job) = &work.job {
                    let samples = samples.entry(work.label.clone()).or_default();
                    self.job(work, job, samples).await?;
                }
            }
        }
        Ok(samples)
    }

    /// Delivers the messages of a job, each to a process that is free, until there are none left.
    async fn job(&self, work: &Work, job: &Job, samples: &mut Samples) -> Result<(), Failure> {
        let mut free = Vec::new();
        for _ in 0..job.workers {
            free.push(self.start(work).await?.0);
        }
        let event = work.events.first().and_then(|path| self.events.get(path)).cloned().unwrap_or_default();
        let event = String::from_utf8_lossy(&event).into_owned();
        let mut messages = VecDeque::from([job.message.clone()]);
        let mut working = JoinSet::new();
        let from = Instant::now();
        loop {
            while !messages.is_empty()
                && let Some(mut function) = free.pop()
            {
                let message = serde_json::to_string(&messages.pop_front())?;
                let event = Bytes::from(event.replace("\"{{message}}\"", &message));
                working.spawn(async move { function.serve(event).await.map(|served| (function, served)) });
            }
            let Some(done) = working.join_next().await else { break };
            let (function, Served { answer, .. }) = done.map_err(std::io::Error::other)??;
            if !answer.ends_with(b"[]}") {
                return Err(function.failure(&answer));
            }
            free.push(function);
            messages.extend(self.cloud.take_messages());
        }
        let wall = from.elapsed();
        let calls = self.cloud.take_calls();
        let entries = job.archive.map_or(work.photos as u64, |archive| archive.entries);
        let attribute = |name| self.cloud.attribute(&job.item, name).unwrap_or_default();
        let [state, why, stored, skipped, failed] = ["state", "stopped", "stored", "skipped", "failed"].map(attribute);
        let is_done = state == "done" && stored == entries.to_string();
        match (free.first(), &calls.refused) {
            (Some(function), Some(refused)) => Err(function.failure(format!("DynamoDB refused {refused}").as_bytes())),
            (Some(function), None) if !is_done => {
                let ended = format!("the job is {state} {why}: stored {stored}, skipped {skipped}, failed {failed}");
                Err(function.failure(ended.as_bytes()))
            }
            _ => {
                let cpu = free.iter().map(|function| Duration::from_nanos(function.cpu_ns())).sum();
                samples.memory = free.iter().fold(samples.memory, |most, function| most.max(function.memory()));
                samples.add_unit(wall, cpu, calls, 0);
                Ok(())
            }
        }
    }

    async fn start(&self, work: &Work) -> Result<(Function, Start), Failure> {
        self.cloud.prepare(work)?;
        self.cloud.take_calls();
        let name = &work.contender;
        let contender = self.plan.contenders.get(name).ok_or_else(|| Failure::NoContender(name.clone()))?;
        let mut function = Function::start(name, contender, &self.plan.logs).await?;
        let ready = function.ready().await?;
        let start = Start { ready, cpu: Duration::from_nanos(function.cpu_ns()), memory: function.memory() };
        Ok((function, start))
    }

    /// Runs one unit of work. Returns `None` if it has no events.
    async fn unit(&self, function: &mut Function, work: &Work) -> Result<Option<Unit>, Failure> {
        self.cloud.prepare(work)?;
        let mut unit = None;
        for path in &work.events {
            let event = self.events.get(path).cloned().unwrap_or_default();
            let Served { from, to, answer } = function.serve(event).await?;
            let status = serde_json::from_slice::<Status>(&answer).ok().and_then(|status| status.status_code);
            if status.is_some_and(|status| status >= 400) {
                return Err(function.failure(&answer));
            }
            let unit = unit.get_or_insert_with(|| Unit::new(to));
            unit.took += to.duration_since(from);
            unit.answered_bytes += answer.len();
            unit.last = to;
        }
        if let Some(unit) = &mut unit {
            unit.calls = self.cloud.take_calls();
            if let Some(refused) = &unit.calls.refused {
                return Err(function.failure(format!("DynamoDB refused {refused}").as_bytes()));
            }
        }
        Ok(unit)
    }

    fn event(&self, path: &PathBuf) -> Result<Bytes, Failure> {
        let text = fs::read_to_string(path).map_err(|error| Failure::File { path: path.clone(), error })?;
        Ok(text.replace("{{token}}", &self.token).into())
    }
}

struct Start {
    ready: Duration,
    cpu: Duration,
    memory: Memory,
}

struct Unit {
    took: Duration,
    last: Instant,
    calls: Calls,
    answered_bytes: usize,
}

impl Unit {
    fn new(last: Instant) -> Self {
        Self { took: Duration::ZERO, last, calls: Calls::default(), answered_bytes: 0 }
    }
}

impl Samples {
    fn add_start(&mut self, start: &Start) {
        self.ready_ms.push(milliseconds(start.ready));
        self.ready_cpu_ms.push(milliseconds(start.cpu));
        self.ready_memory = start.memory;
    }

    fn add_unit(&mut self, wall: Duration, cpu: Duration, calls: Calls, answered_bytes: usize) {
        self.wall_ms.push(milliseconds(wall));
        self.own_ms.push(milliseconds(wall.saturating_sub(calls.busy)));
        self.cpu_ms.push(milliseconds(cpu));
        self.calls = calls.counts;
        self.sent_bytes = calls.sent;
        self.received_bytes = calls.received;
        self.half_reads = calls.half_reads;
        self.writes = calls.writes;
        self.answered_bytes = answered_bytes;
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
