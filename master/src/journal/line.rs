//! A heartbeat as a line of JSON.

use facefleet_proto::{Heartbeat, LegacyState, Load};
use serde::Serialize;

use crate::record::Record;

/// The line of one heartbeat. The keys are those of `NodeState` in `master.proto`, and as fixed as the fields there. What is not
/// known is `null`.
#[derive(Serialize)]
struct HeartbeatLine<'a> {
    received_us: u64,
    name: &'a str,
    ip: String,
    port: u16,
    id: u32,
    cpu_usage: f32,
    task_id: i32,
    io_perf: f32,
    pro_perf: f32,
    task_st: i32,
    task_ed: i32,
    utx: i64,
    generation: u64,
    in_flight: u32,
    queued: u32,
    frame_ms: Option<f32>,
    frames_ok: u64,
    frames_dropped: u64,
    frames_failed: u64,
    memory_usage: Option<f32>,
    temperature_c: Option<f32>,
    draining: bool,
    frames_per_s: Option<f32>,
    throttled: u32,
    frame_ms_p50: Option<f32>,
    frame_ms_p95: Option<f32>,
    resting: bool,
}

/// The line of a record, with a line feed at its end.
pub(super) fn json(record: &Record) -> Vec<u8> {
    let Record { received_us, name, address, heartbeat } = record;
    let Heartbeat { id, generation, epoch: _, load, legacy, leases: _ } = heartbeat;
    let Load {
        cpu_percent,
        memory_percent,
        temperature_c,
        in_flight,
        queued,
        frame_ms,
        frame_ms_p50,
        frame_ms_p95,
        frames_ok,
        frames_dropped,
        frames_failed,
        draining,
        resting,
        frames_per_s,
        throttling,
    } = *load;
    let LegacyState { task_id, io_perf, pro_perf, task_st, task_ed, utx } = *legacy;
    let line = HeartbeatLine {
        received_us: *received_us,
        name,
        ip: address.ip().to_string(),
        port: address.port(),
        id: id.0,
        cpu_usage: cpu_percent,
        task_id,
        io_perf,
        pro_perf,
        task_st,
        task_ed,
        utx,
        generation: *generation,
        in_flight,
        queued,
        frame_ms,
        frame_ms_p50,
        frame_ms_p95,
        frames_ok,
        frames_dropped,
        frames_failed,
        memory_usage: memory_percent,
        temperature_c,
        draining,
        resting,
        frames_per_s,
        throttled: throttling.bits(),
    };
    let mut json = serde_json::to_vec(&line).expect("a struct of numbers and texts is always JSON");
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::WorkerId;

    #[test]
    fn keys_and_their_order_are_fixed() {
        let load = Load { cpu_percent: 12.5, in_flight: 3, frame_ms: Some(80.25), frames_ok: 9, ..Load::default() };
        let legacy =
            LegacyState { task_id: -1, io_perf: 0.5, pro_perf: 1.5, task_st: 7, task_ed: 8, utx: 1_700_000_000 };
        let heartbeat = Heartbeat { id: WorkerId(4), generation: 99, epoch: 5, load, legacy, leases: Vec::new() };
        let address = "[fe80::1]:50050".parse().unwrap();
        let record = Record { received_us: 1_234, name: "pi \"4\"".into(), address, heartbeat };
        let expected = concat!(
            r#"{"received_us":1234,"name":"pi \"4\"","ip":"fe80::1","port":50050,"id":4,"cpu_usage":12.5,"#,
            r#""task_id":-1,"io_perf":0.5,"pro_perf":1.5,"task_st":7,"task_ed":8,"utx":1700000000,"#,
            r#""generation":99,"in_flight":3,"queued":0,"frame_ms":80.25,"frames_ok":9,"frames_dropped":0,"#,
            r#""frames_failed":0,"memory_usage":null,"temperature_c":null,"draining":false,"#,
            r#""frames_per_s":null,"throttled":0,"frame_ms_p50":null,"frame_ms_p95":null,"resting":false}"#,
            "\n",
        );
        assert_eq!(String::from_utf8(json(&record)).unwrap(), expected);
    }
}
