-- A worker that leaves hands the datagrams of HTTP/3 to the workers that follow it.
--
-- nginx closes a leaving worker's listening sockets, but not those of QUIC: its connections answer through them. The
-- worker of the same number that follows reads from the same socket, and each datagram reaches whichever is quicker. As
-- long as one WebSocket keeps the old worker, new connections would lose packets to it and fail (nginx issue 425). So
-- the leaving worker takes these sockets out of its epoll: it can still say good-bye, and no longer reads.

local ffi = require("ffi")

local ENDPOINT = "anon_inode:[eventpoll]"
local SOL_SOCKET, SO_TYPE, SO_REUSEPORT, SOCK_DGRAM = 1, 3, 15, 2 -- asm-generic/socket.h
local EPOLL_CTL_DEL = 2
-- nginx opens listening sockets and epoll before a worker has its first connection: their numbers are low.
local HIGHEST = 1023

ffi.cdef([[
int getsockopt(int fd, int level, int name, int *value, unsigned int *length);
long readlink(const char *path, char *target, size_t size);
int epoll_ctl(int epoll, int operation, int fd, void *event);
]])

local C = ffi.C
local ipairs = ipairs
local value, length, target = ffi.new("int[1]"), ffi.new("unsigned int[1]"), ffi.new("char[64]")

local function option(fd, name)
    length[0] = ffi.sizeof("int")
    return C.getsockopt(fd, SOL_SOCKET, name, value, length) == 0 and value[0]
end

-- nginx has set SO_REUSEPORT on the sockets of QUIC (nginx/public.conf.j2), and on no other socket for datagrams.
local function is_quic(fd)
    return option(fd, SO_TYPE) == SOCK_DGRAM and option(fd, SO_REUSEPORT) == 1
end

local function is_epoll(fd)
    local size = C.readlink("/proc/self/fd/" .. fd, target, 64)
    return size > 0 and ffi.string(target, size) == ENDPOINT
end

local _M = {}

--- Reads no more datagrams of QUIC in this process. Returns how many sockets it read from until now.
function _M.leave()
    local sockets, epolls, left = {}, {}, 0
    for fd = 0, HIGHEST do
        if is_quic(fd) then
            sockets[#sockets + 1] = fd
        elseif is_epoll(fd) then
            epolls[#epolls + 1] = fd
        end
    end
    for _, epoll in ipairs(epolls) do
        for _, fd in ipairs(sockets) do
            if C.epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nil) == 0 then
                left = left + 1
            end
        end
    end
    return left
end

return _M
