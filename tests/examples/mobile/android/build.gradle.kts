// Android with Chaquopy: put phone.py into app/src/main/python. Not built here; see docs/platforms.md.
plugins {
    id("com.android.application")
    id("com.chaquo.python") version "16.1.0"
}

android {
    namespace = "org.example.phone"
    compileSdk = 35
    defaultConfig {
        minSdk = 24
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
}

chaquopy {
    defaultConfig {
        version = "3.11"
        pip {
            install("numpy")
            install("httpx")
            // --no-deps: neither onnxruntime nor tokenizers has an Android wheel, and the router
            // needs neither.
            options("--no-deps")
            install("edge-router")
            install("httpcore")
            install("h11")
            install("anyio")
            install("certifi")
            install("idna")
        }
        // The router reads its files by their paths, so they are unpacked when the app starts.
        extractPackages("edge_router.models", "edge_router.routing.explaining")
    }
}
