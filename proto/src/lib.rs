//! The wire contract of facefleet: protobuf files, generated code, conversions into validated types.
