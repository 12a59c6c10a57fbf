//! What gRPC reflection tells about `envoy.service.auth.v3.Authorization`.

/// An encoded `FileDescriptorSet`: the files of Envoy's API that the service
/// is made of, without comments and without the options of protoc plug-ins
/// (validation rules and the like), as the crate `envoy-types` compiled them.
/// The crate keeps its own set, 3 MiB for the whole of Envoy's API, to itself;
/// the ignored test below cut this one out of it.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!("descriptors.binpb");

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use envoy_types::pb::google::protobuf::field_descriptor_proto::Type;
    use envoy_types::pb::google::protobuf::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
    use prost::Message;

    const ROOT: &str = "envoy/service/auth/v3/external_auth.proto";

    #[test]
    fn every_file_and_every_type_that_is_named_is_there() {
        let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let files: BTreeSet<&str> = set.file.iter().map(FileDescriptorProto::name).collect();
        assert!(files.contains(ROOT));
        let mut types = BTreeSet::new();
        for file in &set.file {
            assert!(file.dependency.iter().all(|d| files.contains(d.as_str())), "{}", file.name());
            for message in &file.message_type {
                collect(&format!(".{}", file.package()), message, &mut types);
            }
            types.extend(file.enum_type.iter().map(|e| format!(".{}.{}", file.package(), e.name())));
        }
        for file in &set.file {
            let mut named = BTreeSet::new();
            file.message_type.iter().for_each(|m| referenced(m, &mut named));
            for service in &file.service {
                named.extend(service.method.iter().flat_map(|m| [m.input_type(), m.output_type()]));
            }
            assert!(named.iter().all(|n| types.contains(*n)), "{}", file.name());
        }
    }

    #[test]
    fn the_service_has_one_unary_method() {
        let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let services: Vec<_> = set.file.iter().flat_map(|f| &f.service).collect();
        let [service] = services.as_slice() else { panic!("one service") };
        let [method] = service.method.as_slice() else { panic!("one method") };
        assert_eq!((service.name(), method.name()), ("Authorization", "Check"));
        assert!(!method.client_streaming() && !method.server_streaming());
        assert_eq!(method.output_type(), ".envoy.service.auth.v3.CheckResponse");
    }

    fn collect(prefix: &str, message: &DescriptorProto, types: &mut BTreeSet<String>) {
        let name = format!("{prefix}.{}", message.name());
        message.nested_type.iter().for_each(|m| collect(&name, m, types));
        types.extend(message.enum_type.iter().map(|e| format!("{name}.{}", e.name())));
        types.insert(name);
    }

    fn referenced<'m>(message: &'m DescriptorProto, named: &mut BTreeSet<&'m str>) {
        let fields = message.field.iter().filter(|f| matches!(f.r#type(), Type::Message | Type::Enum));
        named.extend(fields.map(|f| f.type_name()));
        message.nested_type.iter().for_each(|m| referenced(m, named));
    }

    /// `ENVOY_TYPES_BIN=.../envoy-types-0.7.7/src/generated/types.bin cargo test
    /// --lib cut_the_descriptors -- --ignored` after an update of the crate.
    #[test]
    #[ignore = "writes src/envoy/descriptors.binpb"]
    fn cut_the_descriptors() {
        let whole = std::fs::read(std::env::var("ENVOY_TYPES_BIN").unwrap()).unwrap();
        // Options of plug-ins are extensions: decoding drops them, and with
        // them the need for the files that define them.
        let plug_in = |name: &str| {
            ["validate/", "udpa/", "envoy/annotations/", "xds/annotations/"]
                .iter()
                .any(|p| name.starts_with(p))
        };
        let set = FileDescriptorSet::decode(whole.as_slice()).unwrap();
        let all: BTreeMap<String, FileDescriptorProto> =
            set.file.into_iter().map(|f| (f.name().to_owned(), f)).collect();
        let (mut wanted, mut found) = (vec![ROOT.to_owned()], BTreeMap::new());
        while let Some(name) = wanted.pop() {
            let mut file = all.get(&name).unwrap().clone();
            assert!(file.public_dependency.is_empty() && file.weak_dependency.is_empty());
            file.source_code_info = None;
            file.dependency.retain(|d| !plug_in(d));
            wanted.extend(file.dependency.iter().filter(|d| !found.contains_key(*d)).cloned());
            found.insert(name, file);
        }
        let set = FileDescriptorSet { file: found.into_values().collect() };
        std::fs::write("src/envoy/descriptors.binpb", set.encode_to_vec()).unwrap();
    }
}
