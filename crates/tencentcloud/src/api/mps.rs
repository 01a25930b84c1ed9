//! MPS 2019-06-12: binding an MPS event type to a function. Both actions are missing from the public definition; their
//! members are those that Tencent's own deploy library sends.

use super::{Done, Service, action, answer};

const SERVICE: Service = Service::Mps;

action! {
    /// Binds an event type (`WorkflowTask`, `EditMediaTask`) to a function.
    BindTrigger: Write -> BindTriggerAnswer {
        scf_region: String,
        event_type: String,
        qualifier: String,
        function_name: String,
        namespace: String,
    } optional {
    }
}

action! {
    /// Takes a binding away. `Type` is always `mps`.
    UnbindTrigger: Write -> Done {
        r#type: String,
        qualifier: String,
        function_name: String,
        namespace: String,
        resource_id: String,
    } optional {
    }
}

answer! {
    /// The binding that was made; its last path segment names the event type.
    #[derive(Debug)]
    BindTriggerAnswer {
    } defaulted {
    } optional {
        resource_id: String,
    }
}
