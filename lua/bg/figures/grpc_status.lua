-- What became of a gRPC call, as a status of HTTP: the call's own status is in a trailer, and HTTP's is always 200.

local HTTP = { -- gRPC's codes for what the server has failed at; every other one but 0 is for what the client did
    ["0"] = 200, ["2"] = 500, ["4"] = 504, ["12"] = 501, ["13"] = 500, ["14"] = 503, ["15"] = 500,
}
local CLIENT = 400

local _M = {}

--- The status that counts for a request that is over. `var` are nginx's variables; `status` is HTTP's own.
function _M.of(var, status)
    local code = var.sent_http_grpc_status or var.sent_trailer_grpc_status
    return code and (HTTP[code] or CLIENT) or status
end

return _M
