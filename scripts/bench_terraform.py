"""The work of bench.py through Terraform and its Tencent Cloud provider, for comparison. Used by bench.py.

The provider is looked for where Terraform finds it without a download: a folder of plugins, a mirror or an override of
the command line configuration. Terraform itself is no help without it, and nothing is fetched for a measurement.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time

PROVIDER = "terraform-provider-tencentcloud*"

# The provider has no setting for one address of all services, but it goes through a proxy: the local cloud plays it.
SETTINGS = """
terraform { required_providers { tencentcloud = { source = "tencentcloudstack/tencentcloud" } } }
provider "tencentcloud" {
  region     = "ap-beijing"
  secret_id  = "local"
  secret_key = "local"
  protocol   = "HTTP"
}
"""

STEPS = [("plan, empty cloud", ["plan"]), ("apply", ["apply", "-auto-approve"]), ("plan, no change", ["plan"]),
         ("destroy", ["destroy", "-auto-approve"])]


def provider_folder():
    """The folder below which a provider's binary stands, or None."""
    home = pathlib.Path.home()
    configuration = pathlib.Path(os.environ.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc")
    named = []
    if configuration.is_file():
        named = re.findall(r'"([^"]*/[^"]*)"', configuration.read_text(encoding="utf-8", errors="replace"))
    places = [os.environ.get("TF_PLUGIN_CACHE_DIR"), home / ".terraform.d/plugins", home / ".terraform.d/plugin-cache",
              home / ".local/share/terraform/plugins", "/usr/local/share/terraform/plugins", *named]
    for place in filter(None, places):
        folder = pathlib.Path(place).expanduser()
        if folder.is_absolute() and folder.is_dir() and next(folder.rglob(PROVIDER), None):
            return folder
    return None


def manifest(functions):
    """The same functions with one timer and one tag each."""
    code = SETTINGS
    for number in range(functions):
        code += f"""
resource "tencentcloud_scf_function" "worker_{number}" {{
  name     = "worker-{number:04}"
  handler  = "index.main_handler"
  runtime  = "Python3.10"
  zip_file = "index.zip"
  tags     = {{ number = "{number}" }}
  triggers {{
    name         = "nightly"
    type         = "timer"
    trigger_desc = {json.dumps("0 0 3 * * * *")}
  }}
}}
"""
    return code


def run(functions, cloud, name):
    """Measures and prints; says in one line why not. False when there is nothing to run."""
    terraform = shutil.which("terraform")
    plugins = provider_folder() if terraform else None
    if not plugins:
        what = "its Tencent Cloud provider is not installed" if terraform else "it is not on the PATH"
        print(f"Terraform beside us: skipped, {what}")
        return False
    folder = pathlib.Path(name)
    (folder / "main.tf").write_text(manifest(functions), encoding="utf-8")
    (folder / "index.py").write_text("def main_handler(event, context):\n    return 0\n", encoding="utf-8")
    shutil.make_archive(str(folder / "index"), "zip", folder, "index.py")
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR") if key in os.environ}
    with cloud(folder) as url:
        environment = {**kept, "HTTP_PROXY": url, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        steps = [("init", ["init", f"-plugin-dir={plugins}"]), *STEPS]
        for step, arguments in steps:
            start = time.perf_counter()
            ended = subprocess.run([terraform, *arguments, "-input=false", "-no-color"], cwd=folder, env=environment,
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - start
            if ended.returncode:
                last = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-1:] or ["it said nothing"]
                print(f"Terraform beside us: `terraform {arguments[0]}` failed: {last[0]}")
                return False
            if step != "init":
                print(f"{functions:>9}  {step:<18} {'Terraform':>9} {seconds:>7.2f} s", flush=True)
    return True
