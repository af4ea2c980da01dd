//! What the tests of decisions share: an image with one broker, and replaying decisions.

use ottla_config::{Layer, ServerConfig};
use ottla_types::{BrokerId, Uuid};

use super::{BrokerStart, Context, bootstrap, start_broker};
use crate::{Endpoint, Image, MetadataRecord};

/// The directory of broker 1.
pub(crate) const DIRECTORY: Uuid = Uuid([9; 16]);

/// A configuration with these values.
pub(crate) fn config(properties: &[(&str, &str)]) -> ServerConfig {
    let properties =
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let layer = Layer { origin: "the test".to_owned(), properties };
    ServerConfig::load(&[layer]).unwrap().config
}

/// How broker `id` starts at `broker_epoch`.
pub(crate) fn start(id: i32, broker_epoch: i64) -> BrokerStart {
    BrokerStart {
        broker_id: BrokerId(id),
        broker_epoch,
        incarnation_id: Uuid([5; 16]),
        endpoints: vec![Endpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
        }],
        rack: None,
        directories: vec![DIRECTORY],
        cordoned: Vec::new(),
        assignments: Vec::new(),
    }
}

/// A new cluster in which broker 1 has come up.
pub(crate) fn image() -> Image {
    let mut image = Image::new();
    replay(&mut image, &bootstrap(&[]));
    let records = start_broker(&image, &start(1, 5));
    replay(&mut image, &records);
    image
}

/// Replays records through their bytes, and checks the image after.
pub(crate) fn replay(image: &mut Image, records: &[MetadataRecord]) {
    for record in records {
        let bytes = record.encode(crate::feature::METADATA_VERSION_LATEST).unwrap();
        assert_eq!(MetadataRecord::decode(bytes).as_ref(), Ok(record));
        image.replay(record).unwrap();
    }
    image.check();
}

/// What broker 1 decides on.
pub(crate) fn context<'a>(image: &'a Image, config: &'a ServerConfig) -> Context<'a> {
    Context { image, config, broker_id: BrokerId(1) }
}

/// Ids that count up.
pub(crate) fn ids() -> impl FnMut() -> Uuid {
    let mut next = 100_u128;
    move || {
        next += 1;
        Uuid(next.to_be_bytes())
    }
}
