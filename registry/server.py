"""The MLflow tracking server of one machine: `python -m registry.server --data-dir var/mlflow --port 5000`.

Uvicorn runs MLflow's own application directly: one process of 270 MiB, where `mlflow server` starts fifteen with
3.1 GiB. The price is the names of the private variables below; they are pinned with the version, and tests use them.
"""

import argparse
import os
from pathlib import Path

import sqlalchemy
import uvicorn


def environment(data_dir: Path, host: str, port: int) -> dict[str, str]:
    """The variables that make MLflow's application serve one folder, quietly and without dangerous extras.

    Args:
        data_dir: Folder for the database and the artifacts.
        host: Address to listen on; with localhost the only names by which the server may be called.
        port: Port to listen on.
    """
    database = f"sqlite:///{data_dir / 'mlflow.db'}"
    names = sorted({"localhost", "127.0.0.1", host})
    return {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(data_dir / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{name}:{port}" for name in names),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{name}:{port}" for name in names),
        # Both on by default; each has let strangers run code (CVE-2026-0545, CVE-2024-37052 and their kin).
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def serve(data_dir: Path, host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM. The database is made or brought up to date first."""
    (data_dir / "artifacts").mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(data_dir, host, port))
    _upgrade_database(data_dir)
    _protect_aliased()
    uvicorn.run("mlflow.server.fastapi_app:app", host=host, port=port, log_level="warning", proxy_headers=False)


def _upgrade_database(data_dir: Path) -> None:
    # Here and not above: MLflow reads the variables when it is imported.
    from mlflow.store.db.utils import _safe_initialize_tables, _upgrade_db  # noqa: PLC0415

    database = data_dir / "mlflow.db"
    is_new = not database.exists()
    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    try:
        if is_new:
            _safe_initialize_tables(engine)
        else:
            _upgrade_db(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()


def _protect_aliased() -> None:
    from mlflow.server import handlers  # noqa: PLC0415

    from registry.protection import protect_aliased  # noqa: PLC0415

    artifacts = handlers._get_artifact_repo_mlflow_artifacts()  # type: ignore[no-untyped-call]  # noqa: SLF001
    protect_aliased(
        handlers._get_model_registry_store(),  # noqa: SLF001
        handlers._get_tracking_store(),  # noqa: SLF001
        artifacts,
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description="The MLflow tracking server of one machine.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    chosen = parser.parse_args()
    serve(chosen.data_dir.resolve(), chosen.host, chosen.port)


if __name__ == "__main__":
    _main()
