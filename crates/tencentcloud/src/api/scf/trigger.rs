//! SCF triggers. `TriggerDesc` is text whose shape depends on the type, and comes back in another shape than it was
//! sent: reading it is the caller's job. MPS bindings are made by [`crate::mps::BindTrigger`] and deleted here.

use super::{Enabled, Filter, SERVICE};
use crate::api::{Done, action, answer, opaque_debug, row};

action! {
    /// Creates a trigger. Always send `Qualifier` and `Enable`: sources disagree on their defaults.
    CreateTrigger: Write -> Done {
        function_name: String,
        trigger_name: String,
        r#type: String,
    } optional {
        trigger_desc: String,
        namespace: String,
        qualifier: String,
        enable: Enabled,
        custom_argument: String,
        description: String,
    }
}

action! {
    /// Deletes a trigger. Echo name, description and qualifier from the listing: the default qualifier is `$LATEST`.
    DeleteTrigger: Write -> Done {
        function_name: String,
        trigger_name: String,
        r#type: String,
    } optional {
        namespace: String,
        trigger_desc: String,
        qualifier: String,
    }
}

action! {
    /// Changes a timer, ckafka or http trigger in place; members left out keep their value.
    UpdateTrigger: IdempotentWrite -> Done {
        function_name: String,
        trigger_name: String,
        r#type: String,
    } optional {
        enable: Enabled,
        qualifier: String,
        namespace: String,
        trigger_desc: String,
        description: String,
        custom_argument: String,
    }
}

action! {
    /// Switches a trigger on or off. Setting the present state is refused, hence not blindly repeatable.
    UpdateTriggerStatus: Write -> Done {
        enable: Enabled,
        function_name: String,
        trigger_name: String,
        r#type: String,
    } optional {
        qualifier: String,
        namespace: String,
        trigger_desc: String,
    }
}

action! {
    /// Lists the triggers of a function, of all qualifiers unless filtered.
    ListTriggers: Read -> ListTriggersAnswer {
        function_name: String,
    } optional {
        namespace: String,
        offset: u64,
        limit: u64,
        order_by: String,
        order: String,
        filters: Vec<Filter>,
    }
}

answer! {
    /// One page of triggers.
    #[derive(Debug)]
    ListTriggersAnswer {
        triggers: Vec<Trigger>,
    } defaulted {
    } optional {
        total_count: u64,
    }
}

row! {
    /// A trigger as [`crate::scf::GetFunction`] and [`ListTriggers`] show it. `Debug` hides it: its
    /// argument and description may hold secrets.
    Trigger {
        r#type: String,
    } defaulted {
        // Null or empty for MPS bindings.
        trigger_name: String,
        trigger_desc: String,
    } optional {
        qualifier: String,
        enable: Enabled,
        custom_argument: String,
        description: String,
        resource_id: String,
        bind_status: String,
    }
}

opaque_debug!(Trigger);
