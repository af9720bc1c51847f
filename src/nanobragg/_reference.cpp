/* Calls the functions and the main of the original C program in a shared library that the user built.
 *
 * Vectors of the C program are double[4] with the magnitude in element 0; ours are x y z. Arrays arrive as rows,
 * already broadcast by nanobragg_c/reference/library.py. The functions keep static state, so the GIL is never released.
 */
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <system_error>
#else
#include <dlfcn.h>
#endif

namespace py = pybind11;

namespace {

using Doubles = py::array_t<double, py::array::c_style>;
using Floats = py::array_t<float, py::array::c_style>;
using Path = std::filesystem::path;

#ifdef _WIN32
using Handle = HMODULE;

Handle open_library(const Path &path)
{
    Handle handle = LoadLibraryExW(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
    if (handle == nullptr)
        throw std::runtime_error(std::system_category().message(static_cast<int>(GetLastError())));
    return handle;
}

void close_library(Handle handle)
{
    FreeLibrary(handle);
}

void *find_symbol(Handle handle, const char *name)
{
    return reinterpret_cast<void *>(GetProcAddress(handle, name));
}
#else
using Handle = void *;

Handle open_library(const Path &path)
{
    Handle handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        throw std::runtime_error(dlerror());
    return handle;
}

void close_library(Handle handle)
{
    dlclose(handle);
}

void *find_symbol(Handle handle, const char *name)
{
    return dlsym(handle, name);
}
#endif

/* A vector in the C program's layout. */
struct Vector {
    double element[4];
    explicit Vector(const double *xyz) : element{0.0, xyz[0], xyz[1], xyz[2]} {}
    Vector() : element{0.0, 0.0, 0.0, 0.0} {}
    operator double *() { return element; }
    void copy_to(double *xyz) const
    {
        for (int i = 0; i < 3; ++i)
            xyz[i] = element[i + 1];
    }
};

/* Return the number of rows that all arrays share; each must be two-dimensional and of its given width. */
py::ssize_t count_rows(std::initializer_list<std::pair<const Doubles *, py::ssize_t>> arrays)
{
    const py::ssize_t count = arrays.begin()->first->shape(0);
    for (const auto &[array, width] : arrays)
        if (array->ndim() != 2 || array->shape(0) != count || array->shape(1) != width)
            throw std::invalid_argument("arrays must have the same number of rows and the expected widths");
    return count;
}

class Library {
public:
    explicit Library(const Path &path) : handle_(open_library(path)) {}
    ~Library() { close_library(handle_); }
    Library(const Library &) = delete;
    Library &operator=(const Library &) = delete;

    bool has(const std::string &name) const { return find_symbol(handle_, name.c_str()) != nullptr; }

    py::object sincg(const Doubles &x, const Doubles &n) const
    {
        return py::vectorize(function<double(double, double)>("sincg"))(x, n);
    }

    py::object sinc3(const Doubles &x) const { return py::vectorize(function<double(double)>("sinc3"))(x); }

    py::object gammln(const Floats &x) const { return py::vectorize(function<float(float)>("gammln"))(x); }

    Doubles polarization_factor(const Doubles &kahn, const Doubles &incident, const Doubles &diffracted,
                                const Doubles &axis) const
    {
        auto *call = function<double(double, double *, double *, double *)>("polarization_factor");
        const py::ssize_t n = count_rows({{&kahn, 1}, {&incident, 3}, {&diffracted, 3}, {&axis, 3}});
        Doubles out(n);
        for (py::ssize_t i = 0; i < n; ++i) {
            Vector in(incident.data(i)), away(diffracted.data(i)), along(axis.data(i));
            out.mutable_at(i) = call(*kahn.data(i), in, away, along);
        }
        return out;
    }

    Doubles rotate(const Doubles &vector, const Doubles &angles) const
    {
        auto *call = function<double *(double *, double *, double, double, double)>("rotate");
        const py::ssize_t n = count_rows({{&vector, 3}, {&angles, 3}});
        Doubles out({n, py::ssize_t{3}});
        for (py::ssize_t i = 0; i < n; ++i) {
            Vector v(vector.data(i)), turned;
            call(v, turned, angles.at(i, 0), angles.at(i, 1), angles.at(i, 2));
            turned.copy_to(out.mutable_data(i));
        }
        return out;
    }

    Doubles rotate_axis(const Doubles &vector, const Doubles &axis, const Doubles &angle) const
    {
        auto *call = function<double *(double *, double *, double *, double)>("rotate_axis");
        const py::ssize_t n = count_rows({{&vector, 3}, {&axis, 3}, {&angle, 1}});
        Doubles out({n, py::ssize_t{3}});
        for (py::ssize_t i = 0; i < n; ++i) {
            Vector v(vector.data(i)), about(axis.data(i)), turned;
            call(v, turned, about, *angle.data(i));
            turned.copy_to(out.mutable_data(i));
        }
        return out;
    }

    std::pair<Doubles, Doubles> unitize(const Doubles &vector) const
    {
        auto *call = function<double(double *, double *)>("unitize");
        const py::ssize_t n = count_rows({{&vector, 3}});
        Doubles unit({n, py::ssize_t{3}}), magnitude(n);
        for (py::ssize_t i = 0; i < n; ++i) {
            Vector v(vector.data(i)), scaled;
            magnitude.mutable_at(i) = call(v, scaled);
            scaled.copy_to(unit.mutable_data(i));
        }
        return {unit, magnitude};
    }

    Doubles umat2misset(const Doubles &umat) const
    {
        auto *call = function<double *(double *, double *)>("umat2misset");
        const py::ssize_t n = count_rows({{&umat, 9}});
        Doubles out({n, py::ssize_t{3}});
        for (py::ssize_t i = 0; i < n; ++i) {
            std::vector<double> u(umat.data(i), umat.data(i) + 9);
            Vector angles;
            call(u.data(), angles);
            angles.copy_to(out.mutable_data(i));
        }
        return out;
    }

    Doubles mosaic_rotation_umat(float spread_rad, py::ssize_t n, std::int64_t seed) const
    {
        auto *call = function<double *(float, double *, long *)>("mosaic_rotation_umat");
        Doubles out({n, py::ssize_t{9}});
        long state = new_sequence(seed);
        for (py::ssize_t i = 0; i < n; ++i)
            call(spread_rad, out.mutable_data(i), &state);
        return out;
    }

    Floats ran1(py::ssize_t n, std::int64_t seed) const
    {
        auto *call = function<float(long *)>("ran1");
        Floats out(n);
        long state = new_sequence(seed);
        for (py::ssize_t i = 0; i < n; ++i)
            out.mutable_at(i) = call(&state);
        return out;
    }

    Floats poidev(const Floats &means, std::int64_t seed) const
    {
        auto *call = function<float(float, long *)>("poidev");
        Floats out(means.size());
        long state = new_sequence(seed);
        py::ssize_t gaussians = 0;
        for (py::ssize_t i = 0; i < means.size(); ++i) {
            out.mutable_at(i) = call(means.data()[i], &state);
            gaussians += means.data()[i] > 1e6f;
        }
        /* Gaussian deviates come in pairs; draw the second one, or it would start the next sequence. */
        if (gaussians % 2 == 1 && has("gaussdev"))
            function<float(long *)>("gaussdev")(&state);
        return out;
    }

    Doubles polint(const Doubles &nodes, const Doubles &values, const Doubles &at) const
    {
        auto *call = function<void(double *, double *, double, double *)>("polint");
        const py::ssize_t n = count_rows({{&nodes, 4}, {&values, 4}, {&at, 1}});
        Doubles out(n);
        for (py::ssize_t i = 0; i < n; ++i) {
            std::vector<double> x(nodes.data(i), nodes.data(i) + 4), y(values.data(i), values.data(i) + 4);
            call(x.data(), y.data(), *at.data(i), out.mutable_data(i));
        }
        return out;
    }

    /* nodes: four for each axis in turn; values: 4 x 4 x 4. */
    Doubles polin3(const Doubles &nodes, const Doubles &values, const Doubles &at) const
    {
        auto *call = function<void(double *, double *, double *, double ***, double, double, double, double *)>(
            "polin3");
        const py::ssize_t n = count_rows({{&nodes, 12}, {&values, 64}, {&at, 3}});
        Doubles out(n);
        for (py::ssize_t i = 0; i < n; ++i) {
            std::vector<double> x(nodes.data(i), nodes.data(i) + 12), y(values.data(i), values.data(i) + 64);
            double *rows[16], **planes[4];
            for (int j = 0; j < 16; ++j)
                rows[j] = &y[4 * j];
            for (int j = 0; j < 4; ++j)
                planes[j] = &rows[4 * j];
            call(&x[0], &x[4], &x[8], planes, at.at(i, 0), at.at(i, 1), at.at(i, 2), out.mutable_data(i));
        }
        return out;
    }

    /* Run the whole program, which may call exit, crash or hang: use it in a child process only. */
    int run_main(std::vector<std::string> words) const
    {
        auto *call = function<int(int, char **)>("main");
        std::vector<char *> argv;
        for (auto &word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); /* a crash must not lose earlier output */
        const int status = call(static_cast<int>(words.size()), argv.data());
        std::fflush(nullptr);
        return status;
    }

private:
    template <class Signature> Signature *function(const char *name) const
    {
        void *symbol = find_symbol(handle_, name);
        if (symbol == nullptr)
            throw py::key_error(name);
        return reinterpret_cast<Signature *>(symbol);
    }

    static long new_sequence(std::int64_t seed) { return static_cast<long>(-seed); }

    Handle handle_;
};

} // namespace

PYBIND11_MODULE(_reference, module)
{
    module.doc() = "The original C program in a shared library: see nanobragg.nanobragg_c.reference.";
    py::class_<Library>(module, "Library")
        .def(py::init<const Path &>())
        .def("has", &Library::has)
        .def("sincg", &Library::sincg)
        .def("sinc3", &Library::sinc3)
        .def("gammln", &Library::gammln)
        .def("polarization_factor", &Library::polarization_factor)
        .def("rotate", &Library::rotate)
        .def("rotate_axis", &Library::rotate_axis)
        .def("unitize", &Library::unitize)
        .def("umat2misset", &Library::umat2misset)
        .def("mosaic_rotation_umat", &Library::mosaic_rotation_umat)
        .def("ran1", &Library::ran1)
        .def("poidev", &Library::poidev)
        .def("polint", &Library::polint)
        .def("polin3", &Library::polin3)
        .def("run_main", &Library::run_main);
}
