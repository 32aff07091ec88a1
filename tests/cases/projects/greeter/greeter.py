"""A greeter by gRPC: calls and streams of every kind, with texts for messages, so that no code need be generated."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

RELEASE = Path(__file__).with_name("release.txt").read_text().strip()
NAME = "shop.Greeter"
states = health.HealthServicer()


def told(context):
    return {name: value for name, value in context.invocation_metadata()}


def hello(request, context):
    context.set_trailing_metadata((("release", RELEASE),))
    if request == "who":
        return f"{RELEASE} {told(context).get('x-deployment-version')} {told(context).get('x-forwarded-for')}"
    return f"{RELEASE} hello {request}"


def count(request, context):
    number, seconds = request.split()
    for each in range(int(number)):
        yield f"{RELEASE} {each}"
        time.sleep(float(seconds))


def add(requests, context):
    return f"{RELEASE} {sum(int(each) for each in requests)}"


def chat(requests, context):
    for each in requests:
        yield f"{RELEASE} {each}"


def fail(request, context):
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request} is not wanted")


def sleep(request, context):
    time.sleep(float(request))
    return RELEASE


def feel(request, context):
    """Says how it is from now on, to whoever asks for its health."""
    states.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(request))
    return RELEASE


def text(make, function):
    return make(function, request_deserializer=bytes.decode, response_serializer=str.encode)


METHODS = {
    "Hello": text(grpc.unary_unary_rpc_method_handler, hello),
    "Count": text(grpc.unary_stream_rpc_method_handler, count),
    "Add": text(grpc.stream_unary_rpc_method_handler, add),
    "Chat": text(grpc.stream_stream_rpc_method_handler, chat),
    "Fail": text(grpc.unary_unary_rpc_method_handler, fail),
    "Sleep": text(grpc.unary_unary_rpc_method_handler, sleep),
    "Feel": text(grpc.unary_unary_rpc_method_handler, feel),
}
server = grpc.server(ThreadPoolExecutor(40))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, METHODS),))
health_pb2_grpc.add_HealthServicer_to_server(states, server)
states.set("", health_pb2.HealthCheckResponse.SERVING)
server.add_insecure_port("0.0.0.0:50051")
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
server.start()
over.wait()
server.stop(grace=5).wait()
