//! Blocks of producer ids, so that brokers need not ask for every single one.
//!
//! Kafka: `ProducerIdControlManager`, `ProducerIdsBlock`.

use ottla_types::{BrokerId, ErrorCode, ProducerId};
use ottla_wire::producer_ids_record::ProducerIdsRecord;

use super::Decision;
use crate::Image;

/// How many producer ids a broker is given at a time.
pub const PRODUCER_ID_BLOCK_SIZE: i32 = 1000;

/// Producer ids that one broker may give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first one.
    pub first: ProducerId,
    /// How many there are.
    pub len: i32,
}

/// Gives a broker, registered at `broker_epoch`, producer ids that nobody else has.
pub fn allocate_producer_ids(
    image: &Image,
    broker_id: BrokerId,
    broker_epoch: i64,
) -> Decision<Result<ProducerIdBlock, ErrorCode>> {
    let refuse = |code| Decision { records: Vec::new(), response: Err(code) };
    match image.broker(broker_id) {
        None => return refuse(ErrorCode::BrokerIdNotRegistered),
        Some(broker) if broker.broker_epoch != broker_epoch => {
            return refuse(ErrorCode::StaleBrokerEpoch);
        }
        Some(_) => {}
    }
    let first = image.producer_ids().next_producer_id;
    let Some(next_producer_id) = first.checked_add(i64::from(PRODUCER_ID_BLOCK_SIZE)) else {
        return refuse(ErrorCode::UnknownServerError);
    };
    Decision {
        records: vec![
            ProducerIdsRecord { broker_id: broker_id.0, broker_epoch, next_producer_id }.into(),
        ],
        response: Ok(ProducerIdBlock { first: ProducerId(first), len: PRODUCER_ID_BLOCK_SIZE }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing;

    #[test]
    fn blocks_follow_each_other_and_no_id_is_given_twice() {
        let mut image = testing::image();
        let epoch = image.broker(BrokerId(1)).unwrap().broker_epoch;
        for expected in [0, 1000, 2000] {
            let decision = allocate_producer_ids(&image, BrokerId(1), epoch);
            let block = decision.response.unwrap();
            assert_eq!((block.first, block.len), (ProducerId(expected), 1000));
            testing::replay(&mut image, &decision.records);
        }
        assert_eq!(image.producer_ids().next_producer_id, 3000);
    }

    #[test]
    fn only_the_broker_that_is_registered_is_given_ids() {
        let image = testing::image();
        let response = |id, epoch| allocate_producer_ids(&image, BrokerId(id), epoch).response;
        assert_eq!(response(2, 0), Err(ErrorCode::BrokerIdNotRegistered));
        assert_eq!(response(1, -5), Err(ErrorCode::StaleBrokerEpoch));
    }
}
