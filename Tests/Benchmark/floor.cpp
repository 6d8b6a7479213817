// What it takes at the least to take events over a connection: each step by itself, as little as can be done.
//
//     floor FILE read            reads every key and value of the lines with simdjson, and keeps none
//     floor FILE receive BYTES   receives the lines over a loopback connection, so many bytes to a request
//     floor FILE sync BYTES      writes so many bytes at a time to FILE and has each on the disk
//
// Prints nanoseconds of processor time for a line, or for a write: the least of several rounds.
//
//     floor FILE serve BYTES     does all three for requests over HTTP until it is ended, with BYTES to FILE for each
//
// Prints the port on which it listens.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

static void need(bool holds, const char *what) {
    if (holds) return;
    perror(what);
    exit(1);
}

/// Processor time of this thread alone.
static double used() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

struct Lines {
    std::string text;
    std::vector<std::pair<size_t, size_t>> places;

    explicit Lines(const char *path) {
        std::ifstream file(path);
        std::string line;
        while (std::getline(file, line)) {
            places.push_back({text.size(), line.size()});
            text += line + '\n';
        }
        need(!places.empty(), path);
    }
};

/// Keys, bytes and numbers are added up, so that none of them can be left out.
static size_t read_line(simdjson::ondemand::parser &parser, simdjson::padded_string_view text,
                        std::pair<size_t, size_t> place, double &numbers) {
    size_t sum = 0;
    auto document = parser.iterate(text.data() + place.first, place.second, text.capacity() - place.first);
    for (auto field : document.get_object()) {
        std::string_view key = field.unescaped_key();
        simdjson::ondemand::value value = field.value();
        sum += key.size();
        switch (value.type().value()) {
            case simdjson::ondemand::json_type::string: sum += value.get_string().value().size(); break;
            case simdjson::ondemand::json_type::number: numbers += value.get_double().value(); break;
            case simdjson::ondemand::json_type::boolean: sum += value.get_bool().value(); break;
            default: break;
        }
    }
    return sum;
}

static double read_all(const Lines &lines) {
    simdjson::padded_string text(lines.text);
    simdjson::ondemand::parser parser;
    size_t sum = 0;
    double numbers = 0;
    double began = used();
    for (auto place : lines.places) sum += read_line(parser, text, place, numbers);
    double taken = used() - began;
    need(sum > lines.places.size() && numbers != 0, "nothing was read");
    return taken / lines.places.size();
}

/// A listening socket of this machine's own, and where it is.
static int listening(sockaddr_in &address) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof address;
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(bind(listener, (sockaddr *)&address, length) == 0 && listen(listener, 16) == 0, "listen");
    need(getsockname(listener, (sockaddr *)&address, &length) == 0, "getsockname");
    return listener;
}

/// A connection to ourselves: the end that sends, and the one that receives.
static std::pair<int, int> connection() {
    sockaddr_in address;
    socklen_t length = sizeof address;
    int listener = listening(address), sender = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(sender, (sockaddr *)&address, length) == 0, "connect");
    int receiver = accept(listener, nullptr, nullptr);
    need(receiver >= 0, "accept");
    close(listener);
    int now = 1;
    setsockopt(sender, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    setsockopt(receiver, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    return {sender, receiver};
}

/// Each request is answered with a byte before the next one is sent, as a client of one connection waits.
static double receive_all(const Lines &lines, size_t bytes) {
    auto [sender, receiver] = connection();
    size_t requests = lines.text.size() / bytes;
    std::thread client([&, sender = sender] {
        char answer;
        for (size_t request = 0; request < requests; request++) {
            for (size_t sent = 0; sent < bytes;) {
                ssize_t n = send(sender, lines.text.data() + request * bytes + sent, bytes - sent, 0);
                need(n > 0, "send");
                sent += (size_t)n;
            }
            need(recv(sender, &answer, 1, 0) == 1, "the answer");
        }
    });
    std::vector<char> body(bytes);
    double began = used();
    for (size_t request = 0; request < requests; request++) {
        for (size_t got = 0; got < bytes;) {
            ssize_t n = recv(receiver, body.data() + got, bytes - got, 0);
            need(n > 0, "recv");
            got += (size_t)n;
        }
        need(send(receiver, body.data(), 1, 0) == 1, "answer");
    }
    double taken = used() - began;
    client.join();
    close(sender);
    close(receiver);
    return taken / ((double)requests * bytes / lines.text.size() * lines.places.size());
}

/// Into blocks that were written before, as a log's that is made anew of an old one.
static double sync_writes(const char *path, size_t bytes) {
    const size_t writes = 200;
    std::vector<char> record(bytes, 'x');
    int file = open(path, O_RDWR | O_CREAT, 0600);
    need(file >= 0, path);
    for (size_t write = 0; write < writes; write++)
        need(pwrite(file, record.data(), bytes, (off_t)(write * bytes)) == (ssize_t)bytes, "pwrite");
    need(fsync(file) == 0, "fsync");
    double began = used();
    for (size_t write = 0; write < writes; write++) {
        need(pwrite(file, record.data(), bytes, (off_t)(write * bytes)) == (ssize_t)bytes, "pwrite");
        need(fdatasync(file) == 0, "fdatasync");
    }
    double taken = used() - began;
    close(file);
    unlink(path);
    return taken / writes;
}

/// A log whose blocks were all written before, gone through again and again.
class Log {
    static constexpr size_t records = 128;
    int file;
    std::vector<char> record;
    std::mutex lock;
    std::condition_variable synced_more;
    size_t written = 0, synced = 0;
    bool is_syncing = false;

public:
    Log(const char *path, size_t bytes) : file(open(path, O_RDWR | O_CREAT, 0600)), record(bytes, 'x') {
        need(file >= 0, path);
        for (size_t place = 0; place < records; place++) write(place);
        need(fsync(file) == 0, "fsync");
    }

    /// Writes a record and returns when it is on the disk; those that come meanwhile share the next sync.
    void append() {
        std::unique_lock<std::mutex> held(lock);
        size_t own = ++written;
        write(own % records);
        while (synced < own) {
            if (is_syncing) {
                synced_more.wait(held);
                continue;
            }
            size_t reached = written;
            is_syncing = true;
            held.unlock();
            need(fdatasync(file) == 0, "fdatasync");
            held.lock();
            is_syncing = false;
            synced = reached;
            synced_more.notify_all();
        }
    }

private:
    void write(size_t place) {
        ssize_t n = pwrite(file, record.data(), record.size(), (off_t)(place * record.size()));
        need(n == (ssize_t)record.size(), "pwrite");
    }
};

/// Answers the requests of one connection; of HTTP it understands the length of a body.
static void serve_connection(int connection, Log &log) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    std::vector<char> bytes(4 << 20);
    simdjson::ondemand::parser parser;
    size_t held = 0, sum = 0;
    double numbers = 0;
    while (true) {
        size_t body = 0, wanted = SIZE_MAX;
        while (held < wanted) {
            need(bytes.size() - held > simdjson::SIMDJSON_PADDING, "a request that is too large");
            ssize_t n = recv(connection, bytes.data() + held, bytes.size() - simdjson::SIMDJSON_PADDING - held, 0);
            if (n <= 0) {
                close(connection);
                return;
            }
            held += (size_t)n;
            if (body > 0) continue;
            std::string_view text(bytes.data(), held);
            size_t end = text.find("\r\n\r\n"), length = text.find("Content-Length: ");
            if (end == text.npos) continue;
            need(length < end, "Content-Length");
            body = end + 4;
            wanted = body + strtoull(bytes.data() + length + 16, nullptr, 10);
        }
        need(held == wanted, "a second request before the first one's answer");
        simdjson::padded_string_view text(bytes.data(), held, bytes.size());
        for (size_t start = body; start < held;) {
            size_t end = std::string_view(text).find('\n', start);
            if (end == std::string_view::npos) end = held;
            sum += read_line(parser, text, {start, end - start}, numbers);
            start = end + 1;
        }
        need(sum > 0, "nothing was read");
        log.append();
        need(send(connection, answer, sizeof answer - 1, 0) > 0, "send");
        held = 0;
    }
}

static void serve(const char *path, size_t bytes) {
    Log log(path, bytes);
    sockaddr_in address;
    int listener = listening(address);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (true) {
        int connection = accept(listener, nullptr, nullptr), now = 1;
        need(connection >= 0, "accept");
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
        std::thread(serve_connection, connection, std::ref(log)).detach();
    }
}

int main(int count, char **arguments) {
    need(count >= 3, "floor FILE read|receive|sync|serve [BYTES]");
    std::string step = arguments[2];
    size_t bytes = count > 3 ? strtoull(arguments[3], nullptr, 10) : 0;
    need(step == "read" || bytes > 0, "BYTES");
    double best = 1e300;
    if (step == "serve") serve(arguments[1], bytes);
    if (step == "sync") {
        for (int round = 0; round < 5; round++) best = std::min(best, sync_writes(arguments[1], bytes));
    } else {
        Lines lines(arguments[1]);
        for (int round = 0; round < 5; round++)
            best = std::min(best, step == "read" ? read_all(lines) : receive_all(lines, bytes));
    }
    printf("%.0f\n", best);
}
