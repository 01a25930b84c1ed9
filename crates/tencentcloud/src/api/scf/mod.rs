//! SCF 2018-04-16: functions, triggers, namespaces, concurrency, versions, invocations. Needs a region in every call.

mod concurrency;
mod function;
mod invoke;
mod namespace;
mod spelling;
mod trigger;
mod version;

pub use concurrency::*;
pub use function::*;
pub use invoke::*;
pub use namespace::*;
pub use spelling::*;
pub use trigger::*;
pub use version::*;

use super::Service;
use crate::Error;

const SERVICE: Service = Service::Scf;

/// Whether SCF says that the function does not exist. `InvalidParameterValue.FunctionName` is among the codes: the
/// platform describes it as "does not exist", so check names before asking.
#[must_use]
pub fn is_function_absent(error: &Error) -> bool {
    error.is(
        SERVICE,
        &[
            "ResourceNotFound.Function",
            "ResourceNotFound.FunctionName",
            "InvalidParameterValue.FunctionName",
            "ResourceNotFound.Namespace",
        ],
    )
}

/// Whether SCF says that the namespace does not exist.
#[must_use]
pub fn is_namespace_absent(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceNotFound.Namespace"])
}

/// Whether SCF says that the trigger does not exist (or not under this qualifier).
#[must_use]
pub fn is_trigger_absent(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceNotFound.Trigger", "ResourceNotFound.Timer"])
}

/// Whether SCF says that the alias does not exist.
#[must_use]
pub fn is_alias_absent(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceNotFound.Alias"])
}

/// Whether SCF says that the published version does not exist. Also seen while a function is being deleted.
#[must_use]
pub fn is_version_absent(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceNotFound.Version", "ResourceNotFound.FunctionVersion", "ResourceNotFound.Qualifier"])
}

/// Whether the refusal may mean that the function is busy. The same codes stand for permanent refusals too: read the
/// function's status to tell them apart.
#[must_use]
pub fn may_be_busy(error: &Error) -> bool {
    error.is(
        SERVICE,
        &[
            "FailedOperation.UpdateFunctionCode",
            "FailedOperation.UpdateFunctionConfiguration",
            "FailedOperation.CreateTrigger",
            "FailedOperation.DeleteTrigger",
            "FailedOperation.UpdateTrigger",
            "FailedOperation.DeleteFunction",
            "FailedOperation.PublishVersion",
            "UnsupportedOperation.PublishVersion",
            "FailedOperation.FunctionStatusError",
            "FailedOperation.FunctionNameStatusError",
            "FailedOperation.FunctionVersionStatusNotActive",
            "FailedOperation.OperationConflict",
            "FailedOperation.ReservedInProgress",
            "FailedOperation.ProvisionedInProgress",
            "FailedOperation.TotalConcurrencyMemoryInProgress",
        ],
    )
}
