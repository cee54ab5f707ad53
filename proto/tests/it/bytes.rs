//! The bytes of every fixed message, written by hand from the contract: (field number << 3 | wire type), value.

use facefleet_proto::wire::{
    AnalyzeOpen, Empty, FaceBox, JoinReply, JoinRequest, LeaveReply, LeaveRequest, NodeState, Point, PushStateReply,
};
use facefleet_proto::wire::{RouteReply, RouteRequest, TaskResult, VideoFrame};
use prost::Message;

fn pinned<M: Message + Default + PartialEq + std::fmt::Debug>(message: M, bytes: &[u8]) {
    assert_eq!(message.encode_to_vec(), bytes, "{message:?}");
    assert_eq!(M::decode(bytes).unwrap(), message);
}

#[test]
fn join() {
    let request = JoinRequest { ip: "10.0.0.7".into(), port: 50050, weight: 2, ..Default::default() };
    pinned(request, b"\x0A\x0810.0.0.7\x10\x82\x87\x03\x18\x02");
    pinned(JoinReply { id: 5, success: true, ..Default::default() }, b"\x08\x05\x10\x01");
    // The first worker's id is 0, which proto3 does not write.
    pinned(JoinReply { id: 0, success: true, ..Default::default() }, b"\x10\x01");
}

#[test]
fn leave() {
    pinned(LeaveRequest { id: 5, ..Default::default() }, b"\x08\x05");
    pinned(LeaveReply { success: true }, b"\x08\x01");
}

#[test]
fn push_state() {
    let state = NodeState {
        id: 1,
        cpu_usage: 0.5,
        task_id: 2,
        io_perf: 1.0,
        pro_perf: -2.0,
        task_st: 3,
        task_ed: -1,
        utx: 1_700_000_000,
        ..Default::default()
    };
    let floats = b"\x08\x01\x15\x00\x00\x00\x3F\x18\x02\x25\x00\x00\x80\x3F\x2D\x00\x00\x00\xC0";
    let rest = b"\x30\x03\x38\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x40\x80\xE2\xCF\xAA\x06";
    pinned(state, &[&floats[..], rest].concat());
    // An old master sends an empty reply, which means that nothing is wrong.
    pinned(PushStateReply::default(), b"");
}

#[test]
fn route_guide() {
    let request = RouteRequest { task_id: 0, task_sz: 10_000, task_type: 50, ..Default::default() };
    pinned(request, b"\x10\x90\x4E\x18\x32");
    let reply = RouteReply { ip: "10.0.0.7".into(), port: 50050, thread_num: 4, ..Default::default() };
    pinned(reply, b"\x0A\x0810.0.0.7\x10\x82\x87\x03\x18\x04");
    pinned(RouteReply::default(), b"");
}

#[test]
fn submit_result() {
    let result = TaskResult { id: 1, task_id: 2, time_cost: 3, performance: 4, ..Default::default() };
    pinned(result, b"\x08\x01\x10\x02\x18\x03\x20\x04");
}

#[test]
fn frames() {
    pinned(VideoFrame { size: 3, frame: b"abc".as_slice().into() }, b"\x08\x03\x12\x03abc");
    pinned(Empty {}, b"");
}

#[test]
fn what_was_added_for_detectors() {
    pinned(RouteRequest { detector: "yunet".into(), ..Default::default() }, b"\xA2\x01\x05yunet");
    let open = AnalyzeOpen { detector: "yunet".into(), detect_size: 640, landmarks: true, ..Default::default() };
    pinned(open, b"\x1A\x05yunet\x48\x80\x05\x50\x01");
    pinned(AnalyzeOpen::default(), b"");
    let landmarks = vec![Point { x: 1.0, y: 0.0 }, Point { x: 0.0, y: -2.0 }];
    let points = b"\x32\x05\x0D\x00\x00\x80\x3F\x32\x05\x15\x00\x00\x00\xC0";
    pinned(FaceBox { landmarks, ..Default::default() }, points);
}

#[test]
fn fields_from_the_future_are_passed_over() {
    let future = b"\x08\x05\x10\x01\xF8\x07\x01"; // The message has field 127, of a later version.
    assert_eq!(JoinReply::decode(&future[..]).unwrap(), JoinReply { id: 5, success: true, epoch: 0 });
}
