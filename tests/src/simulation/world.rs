//! One world: a broker that is killed and started again, and the clients that live through it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ottla_broker::simulation::{Random, SimDisk, SimulatedBroker, power_cut};
use ottla_config::{Layer, ServerConfig};
use ottla_wire::{
    Str,
    create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
    find_coordinator_request::FindCoordinatorRequest,
};
use serde_json::json;
use tokio::{runtime::Runtime, task::JoinSet};

use super::{
    client::Client,
    consumer::{Consumer, Isolation, read_whole},
    group_offsets,
    history::{End, More, Recorder, Steps, with},
    leaver::Leaver,
    member::{MEMBERS, Member},
    network::{self, Weather},
    producer::Producer,
    registrar::Registrar,
    transaction::{COPIER_GROUP, Kind, Protocol, Transactor},
};

/// A topic that nobody writes to in transactions.
pub const PLAIN: &str = "plain";
/// One that is only written to in transactions.
pub const TXN: &str = "txn";
/// One with copies of what is in [`PLAIN`].
pub const COPY: &str = "copy";

/// How long the clients go on after the last crash, in ms.
const LAST_LIFE_MS: u64 = 10_000;

/// How long the disk is slow before a power cut, in ms.
const SLOW_MS: u64 = 1_500;

/// Within what time somebody has to get on when everything works, in ms.
const PROGRESS_MS_MAX: u64 = 5_000;

/// The process that looks at everything at the end.
const LOOKER: u32 = 99;

/// When every world begins, in ms since 1970.
const BEGAN_MS: i64 = 1_700_000_000_000;

/// Keys of every broker.
const SETTINGS: &[(&str, &str)] = &[
    ("log.cleaner.enable", "false"),
    ("num.recovery.threads.per.data.dir", "1"),
    ("ottla.console.listen", "off"),
    ("offsets.topic.num.partitions", "2"),
    ("transaction.state.log.num.partitions", "2"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"),
    ("log.flush.offset.checkpoint.interval.ms", "3000"),
    ("log.initial.task.delay.ms", "500"),
    ("group.min.session.timeout.ms", "500"),
    ("group.initial.rebalance.delay.ms", "50"),
];

/// What happens in a world.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What decides everything else.
    pub seed: u64,
    /// How often the broker is killed.
    pub crashes: usize,
    /// How long it lives between two kills at most, in ms.
    pub life_ms_max: usize,
}

impl Plan {
    /// The usual world of a seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, crashes: 3, life_ms_max: 6_000 }
    }
}

/// What came of a world.
#[derive(Debug)]
pub struct Run {
    /// The history, in the lines that the checker reads.
    pub history: String,
}

/// What a client sees of the world.
#[derive(Clone, Debug)]
pub struct Env {
    pub recorder: Recorder,
    pub partitions: i32,
    broker: Arc<SimulatedBroker>,
    weather: Weather,
    age_ms: i64,
    began: tokio::time::Instant,
    next_value: Arc<AtomicU64>,
    is_stopping: Arc<AtomicBool>,
}

impl Env {
    /// Whether nothing new is to be begun.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// A new connection over the network.
    pub fn connect(&self, random: &mut Random, client_id: &str) -> Client {
        let patience = Duration::from_millis(500 + random.any() % 3_000);
        let stream = network::between(self.broker.connect(), random.any(), self.weather);
        Client::new(stream, client_id, patience)
    }

    /// A connection that has all the time there is.
    fn connect_patiently(&self) -> Client {
        Client::new(self.broker.connect(), "admin", Duration::from_secs(60))
    }

    /// Numbers that nobody else has written.
    pub fn values(&self, count: usize) -> Vec<u64> {
        let first = self.next_value.fetch_add(count as u64, Ordering::Relaxed);
        (first..first + count as u64).collect()
    }

    /// The time of day, in ms since 1970.
    pub fn now_ms(&self) -> i64 {
        BEGAN_MS + self.age_ms + self.began.elapsed().as_millis() as i64
    }

    /// Waits for a while, up to so many ms.
    pub async fn pause(&self, random: &mut Random, ms_max: u64) {
        tokio::time::sleep(Duration::from_micros(random.any() % (ms_max * 1000))).await;
    }
}

/// All clients. They outlive the broker.
#[derive(Debug)]
struct Clients {
    producers: Vec<Arc<tokio::sync::Mutex<Producer>>>,
    transactors: Vec<Arc<tokio::sync::Mutex<Transactor>>>,
    leaver: Arc<tokio::sync::Mutex<Leaver>>,
    registrars: Vec<Arc<tokio::sync::Mutex<Registrar>>>,
    consumers: Vec<Arc<tokio::sync::Mutex<Consumer>>>,
    members: Vec<Arc<tokio::sync::Mutex<Member>>>,
}

impl Clients {
    fn new(seed: u64, partitions: i32) -> Self {
        let mut random = Random::new(seed ^ 0x0c11_e275);
        let shared = |client| Arc::new(tokio::sync::Mutex::new(client));
        let mut number = 0;
        let mut process = || {
            number += 1;
            number
        };
        let producers = (0..2).map(|_| shared(Producer::new(process(), random.any()))).collect();
        let kinds = [
            ("a", Protocol::V2, Kind::Writes),
            ("b", Protocol::V1, Kind::Writes),
            // Two instances with one id: each fences the other.
            ("shared", Protocol::V2, Kind::Writes),
            ("shared", Protocol::V2, Kind::Writes),
            ("copier", if random.one_in(2) { Protocol::V1 } else { Protocol::V2 }, Kind::Copies),
        ];
        let transactors = kinds.map(|(id, protocol, kind)| {
            Arc::new(tokio::sync::Mutex::new(Transactor::new(
                process(),
                random.any(),
                id,
                protocol,
                kind,
            )))
        });
        let all: Vec<(&'static str, i32)> = [PLAIN, TXN, COPY]
            .into_iter()
            .flat_map(|topic| (0..partitions).map(move |partition| (topic, partition)))
            .collect();
        let isolations = [Isolation::Committed, Isolation::Committed, Isolation::Uncommitted];
        let consumers = isolations.map(|isolation| {
            let consumer = Consumer::new(process(), random.any(), isolation, &all);
            Arc::new(tokio::sync::Mutex::new(consumer))
        });
        let leaver = Arc::new(tokio::sync::Mutex::new(Leaver::new(process(), random.any())));
        let registrars = (0..3)
            .map(|_| Arc::new(tokio::sync::Mutex::new(Registrar::new(process(), random.any()))))
            .collect();
        let shared: Vec<_> = all.iter().copied().filter(|(topic, _)| *topic != COPY).collect();
        let members = (0..3)
            .map(|_| Member::new(process(), random.any(), &shared))
            .map(|member| Arc::new(tokio::sync::Mutex::new(member)))
            .collect();
        Self {
            producers,
            transactors: transactors.into(),
            leaver,
            registrars,
            consumers: consumers.into(),
            members,
        }
    }

    fn start(&self, env: &Env) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for client in &self.producers {
            let (client, env) = (Arc::clone(client), env.clone());
            tasks.spawn(async move { client.lock().await.run(&env).await });
        }
        for client in &self.transactors {
            let (client, env) = (Arc::clone(client), env.clone());
            tasks.spawn(async move { client.lock().await.run(&env).await });
        }
        let (client, env_of_leaver) = (Arc::clone(&self.leaver), env.clone());
        tasks.spawn(async move { client.lock().await.run(&env_of_leaver).await });
        for client in &self.registrars {
            let (client, env) = (Arc::clone(client), env.clone());
            tasks.spawn(async move { client.lock().await.run(&env).await });
        }
        for client in &self.consumers {
            let (client, env) = (Arc::clone(client), env.clone());
            tasks.spawn(async move { client.lock().await.run(&env).await });
        }
        for client in &self.members {
            let (client, env) = (Arc::clone(client), env.clone());
            tasks.spawn(async move { client.lock().await.run(&env).await });
        }
        tasks
    }
}

impl Clients {
    /// Panics where a client could not commit in several partitions, although the last life is
    /// calm.
    fn check_spread(&self) {
        let of = |place: usize| self.transactors[place].try_lock().expect("nobody runs").spread;
        assert!(of(0) > 0 && of(1) > 0, "no transaction was committed in several partitions");
    }

    /// Panics where no member could commit.
    fn check_commits(&self) {
        let of = |member: &Arc<tokio::sync::Mutex<Member>>| {
            member.try_lock().expect("nobody runs").commits
        };
        assert!(self.members.iter().map(of).sum::<usize>() > 0, "no member committed");
    }
}

/// Lives through a world.
pub fn run(plan: Plan) -> Run {
    let mut random = Random::new(plan.seed);
    let config = config();
    let mut disk = SimDisk::new();
    let settings = json!({
        "progress_limit_ms": PROGRESS_MS_MAX,
        "copies": [{ "input": PLAIN, "output": COPY, "group": COPIER_GROUP }],
    });
    let recorder = Recorder::new(&settings);
    let partitions = 2;
    let clients = Clients::new(plan.seed, partitions);
    let next_value = Arc::new(AtomicU64::new(1));
    let mut age_ms = 0;
    for life in 0..=plan.crashes {
        let is_last = life == plan.crashes;
        let life_ms = random.range(500, plan.life_ms_max) as u64;
        let life_ms = if is_last { LAST_LIFE_MS } else { life_ms };
        let ends_in_power_cut = !is_last && random.one_in(2);
        let seed = random.any();
        let runtime = runtime();
        let lived = runtime.block_on(async {
            let broker = SimulatedBroker::start(&config, &disk, (seed, BEGAN_MS + age_ms));
            let env = Env {
                recorder: recorder.clone(),
                partitions,
                broker: Arc::new(broker.expect("the broker starts")),
                weather: if is_last { Weather::Calm } else { Weather::Rough },
                age_ms,
                began: tokio::time::Instant::now(),
                next_value: Arc::clone(&next_value),
                is_stopping: Arc::new(AtomicBool::new(false)),
            };
            recorder.begin(age_ms);
            if life == 0 {
                create_topics(&env).await;
            }
            if is_last {
                recorder.invoke(0, "heal", Steps::new(), More::new());
            }
            let mut tasks = clients.start(&env);
            // What is on its way to the disk at a power cut is what may be lost.
            let slow_ms = if ends_in_power_cut { SLOW_MS.min(life_ms) } else { 0 };
            tokio::time::sleep(Duration::from_millis(life_ms - slow_ms)).await;
            if ends_in_power_cut {
                env.broker.slow_the_disk();
                tokio::time::sleep(Duration::from_millis(slow_ms)).await;
            }
            if is_last {
                end(&env, &mut tasks).await;
            }
            assert_eq!(env.broker.failure(), None, "the broker goes on");
            env.began.elapsed().as_millis() as i64
        });
        age_ms += lived + 1;
        // Whatever runs is gone at once.
        drop(runtime);
        if !is_last {
            recorder.stand_still(age_ms);
            recorder.invoke(0, "fault", Steps::new(), More::new());
            disk =
                if ends_in_power_cut { after_power_cut(&disk, &mut random) } else { disk.copy() };
        }
    }
    clients.check_spread();
    clients.check_commits();
    Run { history: recorder.text() }
}

/// Lets the clients end what they are at, and looks at everything.
async fn end(env: &Env, tasks: &mut JoinSet<()>) {
    env.is_stopping.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a client does not panic");
    }
    // Whoever fell silent within a transaction is timed out.
    tokio::time::sleep(Duration::from_secs(90)).await;
    let mut client = env.connect_patiently();
    look_at_group(env, &mut client, COPIER_GROUP, &[PLAIN]).await;
    look_at_group(env, &mut client, MEMBERS, &[PLAIN, TXN]).await;
    for topic in [PLAIN, TXN, COPY] {
        for partition in 0..env.partitions {
            for isolation in [Isolation::Committed, Isolation::Uncommitted] {
                let read =
                    read_whole(env, &mut client, LOOKER, (topic, partition), isolation).await;
                read.expect("a calm network");
            }
        }
    }
}

/// Asks for all that a group has committed in these topics.
async fn look_at_group(env: &Env, client: &mut Client, group: &str, topics: &[&'static str]) {
    let partitions = 0..env.partitions;
    let places: Vec<_> =
        topics.iter().flat_map(|topic| partitions.clone().map(|at| (*topic, at))).collect();
    env.recorder.invoke(LOOKER, "committed", Steps::new(), with("group", group));
    let offsets = group_offsets::fetch(client, group, &places, true).await;
    let offsets = offsets.expect("a calm network").expect("no transaction is open");
    let steps = vec![group_offsets::step(&offsets)];
    env.recorder.complete(LOOKER, "committed", End::Ok, steps, More::new());
}

fn after_power_cut(disk: &SimDisk, random: &mut Random) -> SimDisk {
    let outcomes = power_cut::outcomes(&disk.choices(), 6, random);
    let chosen = random.below(outcomes.len());
    disk.after_power_cut(&outcomes[chosen])
}

async fn create_topics(env: &Env) {
    let mut client = env.connect_patiently();
    let topic = |name: &str| CreatableTopic {
        name: Str::from(name),
        num_partitions: env.partitions,
        replication_factor: 1,
        // Small, so that there are many.
        configs: vec![CreatableTopicConfig {
            name: Str::from("internal.segment.bytes"),
            value: Some(Str::from("20000")),
        }],
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: [PLAIN, TXN, COPY].map(topic).to_vec(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    let response = client.call(7, &request).await.expect("an answer");
    assert!(response.topics.iter().all(|topic| topic.error_code == 0), "{response:?}");
    // The topics of the coordinators come with the first who asks for one.
    for key_type in [0, 1] {
        let request = FindCoordinatorRequest {
            key_type,
            coordinator_keys: vec![Str::from(COPIER_GROUP)],
            ..Default::default()
        };
        let response = client.call(4, &request).await.expect("an answer");
        assert_eq!(response.coordinators[0].error_code, 0, "{response:?}");
    }
}

fn config() -> ServerConfig {
    let properties =
        SETTINGS.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let layer = Layer { origin: "the test".to_owned(), properties };
    ServerConfig::load(&[layer]).expect("a valid configuration").config
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime")
}
