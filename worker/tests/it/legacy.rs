//! The five fixed methods, called as the old programs call them.

use facefleet_proto::wire::VideoFrame;
use facefleet_vision::{Limits, jpeg};
use tokio_stream::iter;
use tonic::{Code, Status};

use crate::support::{Worker, messages, old_frame, plain_jpeg, portrait, soon};

fn cut_off() -> Vec<u8> {
    let whole = plain_jpeg(320, 240, 90);
    whole[..whole.len() / 2].to_vec()
}

async fn replies(worker: &Worker, frames: Vec<VideoFrame>) -> Vec<VideoFrame> {
    let mut stream = worker.client().await.push_and_pull(iter(frames)).await.unwrap().into_inner();
    let mut replies = Vec::new();
    while let Some(reply) = soon(stream.message()).await.unwrap() {
        replies.push(reply);
    }
    replies
}

#[tokio::test]
async fn push_and_pull_draws_a_blue_box_on_a_500x400_picture() {
    let worker = Worker::alone().await;
    let replies = replies(&worker, vec![old_frame(portrait())]).await;
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].size as usize, replies[0].frame.len());
    let picture = jpeg::decode_rgb(&replies[0].frame, &Limits::default()).unwrap();
    assert_eq!(picture.dimensions(), (500, 400));
    let blue = picture.pixels().filter(|p| p.0[2] > 120 && p.0[0] < 90 && p.0[1] < 90).count();
    assert!(blue > 50, "{blue} blue pixels are no box");
}

#[tokio::test]
async fn push_and_pull_keeps_the_order_also_with_many_threads_and_bad_frames() {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |config| {
        config.threads = 4.try_into().unwrap();
        config.limits.frames_per_stream = 16.try_into().unwrap();
    });
    let worker = worker.await;
    // Frames of very different cost, so that they are ready in another order than they came.
    let shades: Vec<u8> = (0..24).map(|n| n * 10).collect();
    let sent = shades.iter().enumerate().map(|(n, &shade)| match n % 6 {
        5 => old_frame(cut_off()),
        0 => old_frame(plain_jpeg(1920, 1080, shade)),
        _ => old_frame(plain_jpeg(64, 48, shade)),
    });
    let replies = replies(&worker, sent.collect()).await;
    assert_eq!(replies.len(), shades.len());
    for (n, (reply, shade)) in replies.iter().zip(shades).enumerate() {
        assert_eq!(reply.size as usize, reply.frame.len(), "reply {n}");
        if n % 6 == 5 {
            assert!(reply.frame.is_empty(), "reply {n} is for a bad frame");
            continue;
        }
        let picture = jpeg::decode_rgb(&reply.frame, &Limits::default()).unwrap();
        assert_eq!(picture.dimensions(), (500, 400), "reply {n}");
        let seen = picture.get_pixel(250, 200).0[0];
        assert!(seen.abs_diff(shade) <= 3, "reply {n} shows {seen}, frame {n} was {shade}");
    }
}

#[tokio::test]
async fn push_and_pull_answers_before_the_next_frame_is_sent() {
    let worker = Worker::alone().await;
    let (send, frames) = messages();
    let mut replies = worker.client().await.push_and_pull(frames).await.unwrap().into_inner();
    for shade in [10, 200, 90] {
        send.send(old_frame(plain_jpeg(64, 48, shade))).await.unwrap();
        let reply = soon(replies.message()).await.unwrap().unwrap();
        assert!(reply.size > 0);
    }
    drop(send);
    assert_eq!(soon(replies.message()).await.unwrap(), None);
}

#[tokio::test]
async fn send_fream_takes_a_good_frame_and_says_what_is_wrong_with_a_bad_one() {
    let worker = Worker::alone().await;
    let mut client = worker.client().await;
    client.send_fream(old_frame(plain_jpeg(320, 240, 90))).await.unwrap();
    let bad = [(Vec::new(), "no bytes"), (b"\x89PNG\r\n\x1a\n-------------".to_vec(), "PNG"), (cut_off(), "cut off")];
    for (bytes, said) in bad {
        let status = client.send_fream(old_frame(bytes)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(said), "`{}` does not say `{said}`", status.message());
    }
    client.send_fream(old_frame(plain_jpeg(320, 240, 90))).await.unwrap();
}

/// Calls each of the three methods that take frames and answer nothing.
async fn each_silent_method(worker: &Worker, frames: &[VideoFrame]) -> [Result<(), Status>; 3] {
    let mut client = worker.client().await;
    let frames = || iter(frames.to_vec());
    [
        soon(client.push_stream(frames())).await.map(drop),
        soon(client.face_detection(frames())).await.map(drop),
        soon(client.canny(frames())).await.map(drop),
    ]
}

#[tokio::test]
async fn silent_methods_take_good_frames() {
    let worker = Worker::alone().await;
    let frames: Vec<_> = (0..20).map(|n| old_frame(plain_jpeg(320, 240, n))).collect();
    for result in each_silent_method(&worker, &frames).await {
        result.unwrap();
    }
    for result in each_silent_method(&worker, &[]).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn silent_methods_count_bad_frames_and_name_the_first() {
    let worker = Worker::alone().await;
    let good = || old_frame(plain_jpeg(320, 240, 90));
    let frames = [good(), good(), old_frame(cut_off()), good(), old_frame(Vec::new()), good()];
    for result in each_silent_method(&worker, &frames).await {
        let status = result.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status.message().starts_with(
                "2 of 6 frames could not be worked on; the first was frame 2 (from 0): the JPEG is cut off"
            ),
            "{}",
            status.message()
        );
    }
}
