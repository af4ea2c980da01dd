//! DescribeCluster (60), versions 0-2: the cluster id, its brokers and its controller.
//!
//! - v1: the endpoint type, 1 brokers and 2 controllers (KIP-919).
//! - v2: fenced brokers on request.
//!
//! Kafka: `KafkaApis.handleDescribeCluster`.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    describe_cluster_response::DescribeClusterBroker,
    messages::{DescribeClusterRequest, DescribeClusterResponse},
};

use super::{Api, Context, Outcome};
use crate::authorized;

pub(super) struct DescribeCluster;

/// Kafka's `EndpointType.BROKER`.
const BROKERS: i8 = 1;

impl Api for DescribeCluster {
    type Request = DescribeClusterRequest;

    async fn handle(ctx: Context, request: DescribeClusterRequest) -> Outcome {
        if request.endpoint_type != BROKERS {
            let code = if request.endpoint_type == 2 {
                ErrorCode::MismatchedEndpointType
            } else {
                ErrorCode::UnsupportedEndpointType
            };
            return ctx.reply(&DescribeClusterResponse {
                error_code: code.code(),
                error_message: Some(Str::from(format!(
                    "The request was sent to an endpoint of type BROKER, but we wanted an endpoint \
                     of type {}",
                    if request.endpoint_type == 2 { "CONTROLLER" } else { "UNKNOWN" }
                ))),
                endpoint_type: BROKERS,
                ..Default::default()
            });
        }
        let endpoint = ctx.shared.advertised(&ctx.peer);
        let broker_id = ctx.shared.broker_id.get();
        ctx.reply(&DescribeClusterResponse {
            endpoint_type: BROKERS,
            cluster_id: ctx.shared.cluster_id.clone(),
            controller_id: broker_id,
            brokers: vec![DescribeClusterBroker {
                broker_id,
                host: endpoint.host,
                port: endpoint.port,
                rack: ctx.shared.rack.clone(),
                is_fenced: false,
            }],
            cluster_authorized_operations: if request.include_cluster_authorized_operations {
                authorized::CLUSTER
            } else {
                authorized::NOT_ASKED
            },
            ..Default::default()
        })
    }
}
