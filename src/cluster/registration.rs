//! The JSON at `/brokers/ids/N` -> the broker's `host:port`. Pure.
//!
//! Absent on purpose: everything else the broker writes there, which is not needed to know whose registration it is.

use serde_json::Value;

/// `host:port` as the registration names it: the first of `endpoints`, or `host` and `port` of the old fields, which a broker
/// without a PLAINTEXT listener leaves null and -1 (KIP-103). Empty where there is neither.
pub fn endpoint(data: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return String::new() };
    let first = value.get("endpoints").and_then(|list| list.get(0)).and_then(Value::as_str);
    // Written as `PLAINTEXT://kafkanode1:9092`: listener name, then address.
    if let Some((_, address)) = first.and_then(|endpoint| endpoint.split_once("://")) {
        return address.to_owned();
    }
    match (value.get("host").and_then(Value::as_str), value.get("port").and_then(Value::as_u64)) {
        (Some(host), Some(port)) if !host.is_empty() => format!("{host}:{port}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a broker of Kafka 2.6.0 wrote it.
    const WRITTEN: &str = r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.32.1:9092"],"jmx_port":-1,"port":9092,"host":"127.0.32.1","version":4,"timestamp":"1795353112041"}"#;

    #[test]
    fn the_endpoint_is_read_from_either_place() {
        let of = |json: &str| endpoint(json.as_bytes());
        assert_eq!(of(WRITTEN), "127.0.32.1:9092");
        assert_eq!(of(r#"{"endpoints":["SASL_SSL://a.example:9093"],"host":null,"port":-1}"#), "a.example:9093");
        assert_eq!(of(r#"{"version":1,"host":"old.example","port":9092}"#), "old.example:9092");
        for without in ["", "null", "[]", "{", r#"{"endpoints":[]}"#, r#"{"endpoints":[7],"host":"","port":1}"#] {
            assert_eq!(of(without), "", "{without}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_registration_is_read_or_left_out(at in 0..WRITTEN.len(), byte: u8) {
            let mut written = WRITTEN.as_bytes().to_vec();
            written[at] = byte;
            endpoint(&written);
        }
    }
}
