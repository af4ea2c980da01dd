//! A client that writes and reads a topic's configuration, as several administrators at once do.

use ottla_broker::simulation::Random;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource},
    incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    },
};
use serde_json::json;

use super::{
    client::{Client, Lost},
    history::{End, More, Steps},
    world::{Env, PLAIN},
};

/// The setting: of no effect in a world that ends after minutes, whatever its value.
const SETTING: &str = "delete.retention.ms";

/// What `resource_type` calls a topic.
const TOPIC: i8 = 2;

/// The client, which outlives the broker.
#[derive(Debug)]
pub struct Registrar {
    process: u32,
    random: Random,
    /// An operation was written down that no line has ended.
    open: Option<&'static str>,
}

impl Registrar {
    pub fn new(process: u32, seed: u64) -> Self {
        Self { process, random: Random::new(seed), open: None }
    }

    /// Writes and reads until it is to stop.
    pub async fn run(&mut self, env: &Env) {
        self.end(env, End::Info, Steps::new());
        while !env.is_stopping() {
            let mut client = env.connect(&mut self.random, "registrar");
            while !env.is_stopping() {
                let done = if self.random.one_in(3) {
                    self.set(env, &mut client).await
                } else {
                    self.get(env, &mut client).await
                };
                if done == Err(Lost) {
                    self.end(env, End::Info, Steps::new());
                    break;
                }
                env.pause(&mut self.random, 150).await;
            }
        }
    }

    async fn set(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        // Few values: one that comes again must not be taken for the one before.
        let unsets = self.random.one_in(6);
        let value = (!unsets).then(|| (1_000_000 + self.random.below(20)).to_string());
        self.begin(env, "set", vec![values(value.as_deref())]);
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: Str::from(PLAIN),
            configs: vec![AlterableConfig {
                name: Str::from(SETTING),
                // 0 sets, 1 deletes.
                config_operation: i8::from(value.is_none()),
                value: value.as_deref().map(Str::from),
            }],
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let response = client.call(1, &request).await?;
        let code = ErrorCode::from_code(response.responses[0].error_code);
        let end = if code == ErrorCode::None { End::Ok } else { End::Info };
        self.end(env, end, vec![values(value.as_deref())]);
        Ok(())
    }

    async fn get(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        self.begin(env, "get", Steps::new());
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: TOPIC,
                resource_name: Str::from(PLAIN),
                configuration_keys: Some(vec![Str::from(SETTING)]),
            }],
            ..Default::default()
        };
        let response = client.call(4, &request).await?;
        let result = &response.results[0];
        if result.error_code != 0 {
            self.end(env, End::Fail, Steps::new());
            return Ok(());
        }
        // Source 1: the topic's own, as set.
        let own = result.configs.iter().find(|config| config.config_source == 1);
        let value = own.and_then(|config| config.value.as_deref());
        self.end(env, End::Ok, vec![values(value)]);
        Ok(())
    }

    fn begin(&mut self, env: &Env, function: &'static str, steps: Steps) {
        env.recorder.invoke(self.process, function, steps, More::new());
        self.open = Some(function);
    }

    fn end(&mut self, env: &Env, end: End, steps: Steps) {
        if let Some(function) = self.open.take() {
            env.recorder.complete(self.process, function, end, steps, More::new());
        }
    }
}

fn values(value: Option<&str>) -> serde_json::Value {
    json!(["values", { format!("{PLAIN} {SETTING}"): value }])
}
