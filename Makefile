.PHONY: protos
protos: ## generated/ from protos/
	.venv/bin/python -m grpc_tools.protoc -I protos --python_out=generated --mypy_out=generated protos/wire/v1/*.proto
	.venv/bin/python -m grpc_tools.protoc -I protos --grpc_python_out=generated --mypy_grpc_out=generated protos/wire/v1/gateway.proto
	sed -i -e 's/^from wire\.v1/from generated.wire.v1/' -e 's/^import wire\.v1\./import generated.wire.v1./' generated/wire/v1/*.py generated/wire/v1/*.pyi
	touch generated/__init__.py generated/wire/__init__.py generated/wire/v1/__init__.py
