#!/usr/bin/env python3
"""Writes yunet_opencv.jsonl: the faces that OpenCV's FaceDetectorYN finds in frames of some clips.

tests/it/yunet.rs compares our engine with them. It takes ffmpeg, and the clips where CLIPS says; from the project's folder:

    python3 -m venv /tmp/opencv
    /tmp/opencv/bin/pip install opencv-python-headless==4.12.0.88
    /tmp/opencv/bin/python vision/tests/golden/yunet_opencv.py > vision/tests/golden/yunet_opencv.jsonl

A line is one frame: the clip, how many frames there are from a line's to the next, the frame's place among those, its size, the
Adler-32 sum of its pixels (red, green and blue bytes), and its faces: x, y, width, height, x and y of five landmarks, score.
"""

import json
import subprocess
import zlib

import cv2
import numpy

MODEL = "assets/face_detection_yunet_2023mar.onnx"
# Name, width, height, and every how manieth frame.
CLIPS = [
    ("assets/demo.mp4", 640, 360, 25),
    ("../shared/data/short_hamilton_clip.mp4", 640, 360, 10),
    ("../shared/data/signer.mkv", 640, 480, 10),
    ("../shared/data/two-people.gif", 480, 270, 5),
    ("../shared/data/few-faces.mp4", 768, 432, 100),
]

for clip, width, height, step in CLIPS:
    command = ["ffmpeg", "-v", "error", "-i", clip, "-vf", f"select=not(mod(n\\,{step}))", "-fps_mode", "passthrough"]
    command += ["-sws_flags", "bitexact+accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    frames = numpy.frombuffer(pixels, numpy.uint8).reshape(-1, height, width, 3)
    # The thresholds and the limit are OpenCV's own, but for the score: 0.7 is this project's.
    detector = cv2.FaceDetectorYN.create(MODEL, "", (width, height), 0.7, 0.3, 5000)
    for number, frame in enumerate(frames):
        _, faces = detector.detect(numpy.ascontiguousarray(frame[:, :, ::-1]))
        line = {
            "clip": clip,
            "step": step,
            "frame": number,
            "size": [width, height],
            "adler32": zlib.adler32(frame.tobytes()),
            "faces": [] if faces is None else [[round(float(value), 4) for value in face] for face in faces],
        }
        print(json.dumps(line, separators=(",", ":")))
